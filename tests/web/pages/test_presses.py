"""One press is one wish, however quickly somebody presses again: nothing is made twice, and no error is shown."""

import json
import re
from importlib.resources import files

import pytest
from playwright.sync_api import expect

from sipwright.web import pages

SECRET = "a long secret"
THRICE = "(button) => { button.click(); button.click(); button.click(); }"
"""Clicks that no browser takes for a double click: as quick as it gets."""


ENTER_AND_CLICK = """(button) => {
  const field = button.closest("dialog").querySelector("input");
  const press = (repeat) => field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", repeat, bubbles: true }));
  press(false); press(true); press(true); button.click();
}"""


@pytest.mark.peer("chromium")
def test_what_is_pressed_again_before_the_answer_is_made_once_and_can_be_made_again(site, page):
    site.open(page, "/users")
    rows = page.get_by_test_id("invite")
    before = rows.count()
    for number in (1, 2):
        page.get_by_role("button", name="Make an invite").click()
        page.get_by_role("dialog").get_by_role("button", name="Make it").evaluate(THRICE)
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(rows).to_have_count(before + number)
    for left in (1, 0):
        rows.first.get_by_role("button", name="Take back").evaluate(THRICE)
        expect(rows).to_have_count(before + left)

    assert page.get_by_role("alert").count() == 0


@pytest.mark.peer("chromium")
def test_a_key_that_is_held_down_and_the_button_beside_it_are_one_wish(site, page):
    site.open(page, "/me")
    page.get_by_role("button", name="Add token").click()
    dialog = page.get_by_role("dialog", name="Add a token")
    dialog.get_by_label("Name of the token").fill("held-down")
    dialog.get_by_role("button", name="Make token").evaluate(ENTER_AND_CLICK)
    expect(page.get_by_test_id("token-secret")).to_be_visible()
    expect(dialog).to_be_hidden()
    expect(page.get_by_test_id("token").filter(has_text="held-down")).to_have_count(1)
    assert dialog.locator(".fault").count() == 0

    site.switch.run_command("token", "remove", "held-down", "--user", "root")


@pytest.mark.peer("chromium")
def test_a_page_that_is_being_left_takes_no_more_wishes(site, page):
    site.open(page, "/accounts")
    page.get_by_role("button", name="Add account").click()
    dialog = page.get_by_role("dialog", name="Add an account")
    dialog.get_by_label("Name").fill("made-once")
    dialog.get_by_label("Password").fill("secret")
    dialog.get_by_role("button", name="Add", exact=True).dblclick()

    expect(page.get_by_role("heading", name="made-once@sip.test", level=1)).to_be_visible()
    page.get_by_role("button", name="Remove account").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").evaluate(THRICE)
    page.wait_for_url(f"{site.base}/accounts")
    assert "made-once" not in site.switch.run_command("account", "list")


@pytest.mark.peer("chromium")
def test_a_form_before_the_door_is_sent_once(site, new_page):
    code = json.loads(site.switch.run_command("user", "invite", "--json"))["code"]
    page = new_page()
    page.goto(f"{site.base}/signup?code={code}")
    for label, text in (("Name", "olga"), ("Password", SECRET), ("Type it again", SECRET)):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Sign up").evaluate(THRICE)

    expect(page.get_by_role("heading", name="Switchboard", level=1)).to_be_visible()


def test_no_page_hears_a_click_past_the_guard():
    places = [one for one in files(pages).iterdir() if one.name.endswith(".py")]
    heard = {
        place.name: re.findall(r'\.on\(\s*"(?:click|enter)",(?! js_handler=)', place.read_text("utf-8"))
        for place in places
        if place.name not in ("elements.py", "widgets.py")
    }

    assert {name for name, found in heard.items() if found} == {"dialplan.py"}  # where a line is looked for
