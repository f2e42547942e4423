"""The contract of the pages: the paths, labels and test ids that other people's tests and scripts rely on."""

import pytest
from playwright.sync_api import expect
from starlette.routing import compile_path

from sipwright.web.pages.site import PAGES

pytestmark = pytest.mark.peer("chromium")

WINDOWS = (2560, 360)
FILTER = "event call and user alice and regex 503"
CONTRACT = {
    "/login": ("field Name", "field Password", "field Code", "button Log in"),
    "/": ("field Dial", "button Call", "id phone", "id registration"),
    "/dialplans": ("column Last run", "column Failed in 7 days"),
    "/dialplans/traced": ("button Save", "button Try it", "tab Try", "tab Replay", "tab Versions",
                         "tab Runs", "tab Rules"),
    "/cdrs": ("field Find", "field From", "field To", "link Export as CSV"),
    "/accounts": ("button Add account", "id account"),
    "/accounts/alice@sip.test": ("heading What to type into a phone", "img QR code of alice@sip.test",
                                  "heading Who sees its calls", "id watched-by", "heading Messages waiting",
                                  "heading A list of accounts", "field Members", "button Set members"),
    "/providers": ("button Add provider", "id provider", "button Test"),
    "/providers/contract": ("button Ask with OPTIONS", "heading Exchange"),
    "/bans": ("button Ban an address",),
    "/guard": ("heading Held back", "heading What is usual", "id spending", "id guarded", "button Change limits"),
    "/console": ("field Filter", "field Search", "button Pause"),
    "/status": ("heading Parts", "id part", "heading Calls", "tab 24 hours", "tab Week", "tab Month", "tab Year"),
    "/users": ("button Add user", "id user"),
    "/settings": ("id setting",),
    "/me": (
        "field Current password", "button Change password", "heading API tokens", "heading Sessions",
        "heading One-time codes", "heading SSH keys", "field Time zone", "field Theme",
    ),
}  # fmt: skip
"""What is on each page: fields by their labels, everything else by its role and name, or by its test id."""


def found(page, what):
    kind, _, name = what.partition(" ")
    if kind == "field":
        return page.get_by_label(name, exact=True)
    if kind == "id":
        return page.get_by_test_id(name)
    return page.get_by_role({"column": "columnheader"}.get(kind, kind), name=name)


LABELS = """() => {
  const forms = "dialog, fieldset, form, [role=tabpanel], section.card";
  const all = [...document.querySelectorAll(forms)];
  const controls = [...document.querySelectorAll("input:not([type=hidden]), select, textarea")];
  return controls.map((control) => ({
    label: control.ariaLabel ?? [...control.labels].map((one) => one.textContent.trim()).join(" "),
    form: all.indexOf(control.closest(forms)),
    again: control.closest("fieldset") !== null,
  }));
}"""
"""Every control of a page with its label and the form that it stands in; what is there `again` is a row of a list."""


def unclear(page):
    """Labels that do not tell one control from all others: for who hears the page, or writes down what to fill in."""
    found = page.evaluate(LABELS)
    once = [one["label"] for one in found if not one["again"]]
    yield from {label for label in once if not label or once.count(label) > 1}
    for one in found:
        beside = [other["label"] for other in found if other is not one and other["form"] == one["form"]]
        yield from (f"{one['label']} in {label}" for label in beside if one["label"].lower() in label.lower())


def too_wide(page):
    """Of the narrowest and the widest window, those in which something is cut off."""
    for width in WINDOWS:
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            yield f"is cut off at {width}"


def test_every_path_has_what_is_promised_of_it_labels_that_tell_fields_apart_and_room(site, page):
    """Each page is opened once: most of the time goes into that."""
    site.switch.run_command("provider", "add", "contract", "--server", "203.0.113.7", "--from", "192.0.2.99")
    wanting = []
    for path in ("/users/dave", "/guard/dave"):
        site.open(page, path)
        wanting += [(path, what) for what in unclear(page)]
    for path, promised in CONTRACT.items():
        assert site.open(page, path) == 200, path
        expect(page.locator("main")).to_have_count(1)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        wanting += [(path, what) for what in promised if not found(page, what).count()]
        wanting += [(path, what) for what in (*unclear(page), *too_wide(page))]

    assert wanting == []


def test_before_the_door_labels_tell_fields_apart_too(site, new_page):
    page, wanting = new_page(), []
    for path in ("/login", "/signup", "/reset", "/reset?token=x"):
        page.goto(site.base + path)
        wanting += [(path, what) for what in unclear(page)]

    assert wanting == []


def test_no_page_is_without_a_promise():
    kept = {page for page in PAGES for path in CONTRACT if compile_path(page)[0].match(path)}

    assert set(PAGES) - kept == {
        "/calls/{call:path}",
        "/users/{name:path}",
        "/guard/{name:path}",
    }  # which have tests of their own


def test_the_console_takes_the_language_of_filters(site, page):
    site.open(page, "/console")
    page.get_by_label("Filter").fill(FILTER)
    page.get_by_label("Filter").press("Enter")
    expect(page.get_by_text(f"Waiting for events that fit “{FILTER}”.")).to_be_visible()
    page.get_by_label("Filter").fill("event nothing-of-that-name and")
    page.get_by_label("Filter").press("Enter")

    expect(page.get_by_label("Filter")).to_have_attribute("aria-invalid", "true")
