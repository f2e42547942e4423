"""Bad days: the browser offline, the switch started again, the database away, two people at one dialplan."""

import re
import sqlite3
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import expect

from computing import fair_seconds
from interop.harness.network import free_port

pytestmark = pytest.mark.peer("chromium")

TOLD_WITHIN = 7.0
"""Seconds; a lock is waited for two, and the rest is what a machine needs that has much to do."""


@contextmanager
def missing(site, table):
    """Take a table away for a while, which only pages read: the database does not work for them then."""
    with closing(sqlite3.connect(site.switch.data / "sipwright.db", timeout=60)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        try:
            yield
        finally:
            connection.execute(f"ALTER TABLE {table}_gone RENAME TO {table}")


def test_a_page_comes_back_by_itself_when_the_switch_was_started_again(site, page):
    site.open(page, "/accounts")
    page.get_by_test_id("account").first.wait_for()
    site.switch.stop()
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    site.switch.run_command("account", "add", "a-new-one", "--password", "secret")
    site.switch.start(**site.settings)

    expect(page.get_by_role("link", name=re.compile("^a-new-one@"))).to_be_visible()


def test_what_was_typed_outlives_the_switch_the_page_and_the_session(site, page):
    site.switch.set_dialplans({"unsaved": "respond(480)\n"})
    site.open(page, "/dialplans/unsaved")
    page.locator(".cm-content").wait_for()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('respond(486, "an hour of work")\n')
    expect(page.get_by_text("not saved yet")).to_be_visible()
    site.switch.stop()
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    site.switch.start(**site.settings)

    expect(page.get_by_text("What you had typed is back.")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("an hour of work")
    site.log_in(page)
    site.switch.set_dialplans({"unsaved": "respond(404)\n"})
    site.open(page, "/dialplans/unsaved")
    expect(page.get_by_text("Meanwhile somebody else has saved")).to_be_visible()
    page.locator(".cm-content").press("Control+s")
    dialog = page.get_by_role("dialog", name="Make it live")
    expect(dialog.locator(".removed")).to_contain_text("404")
    dialog.get_by_role("button", name="Make it live").click()
    expect(page.get_by_text("Version 3 is live.")).to_be_visible()
    site.open(page, "/dialplans/unsaved")
    expect(page.locator(".cm-content")).to_contain_text("an hour of work")
    expect(page.get_by_text("not saved yet")).to_be_hidden()


def test_a_browser_that_was_offline_says_so_and_shows_the_present_afterwards(site, page):
    page.context.set_offline(True)
    expect(page.get_by_text("The connection is lost.")).to_be_visible()
    site.switch.run_command("account", "add", "meanwhile", "--password", "secret")
    page.context.set_offline(False)

    expect(page.get_by_text("The connection is lost.")).to_be_hidden()
    page.get_by_label("Find a phone").fill("meanwhile")
    expect(page.get_by_test_id("phone").filter(has_text="meanwhile@")).to_be_visible()


def test_while_the_database_is_away_a_page_says_so_and_comes_back_by_itself(site, page):
    with missing(site, "api_tokens"):
        assert site.open(page, "/me") == 503
        expect(page.get_by_role("heading", name="Not now", level=1)).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("tries again by itself")

    expect(page.get_by_role("heading", name="root", level=1)).to_be_visible()


@contextmanager
def locked(site):
    """Keep the database locked, as a program does that has begun to write and does not end."""
    with closing(
        sqlite3.connect(site.switch.data / "sipwright.db", timeout=60, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        try:
            # What a phone has been promised waits in the log: whoever reads has to apply it first.
            site.switch.sipp("register", caller="bob", port=free_port())
            yield
        finally:
            connection.execute("ROLLBACK")


def test_while_the_database_is_locked_a_page_says_so_in_time_and_comes_back_by_itself(site, page):
    with locked(site):
        with fair_seconds() as taken:
            assert site.open(page, "/accounts") == 503
        assert taken() < TOLD_WITHIN
        expect(page.get_by_role("heading", name="Not now", level=1)).to_be_visible()

    expect(page.get_by_role("heading", name="Accounts", level=1)).to_be_visible()


def test_while_the_database_is_locked_nothing_is_half_saved(site, page):
    site.open(page, "/accounts")
    page.get_by_role("button", name="Add account").click()
    dialog = page.get_by_role("dialog", name="Add an account")
    dialog.get_by_label("Name").fill("in-between")
    dialog.get_by_label("Password").fill("secret")
    with locked(site):
        with fair_seconds() as taken:
            dialog.get_by_role("button", name="Add").click()
            expect(page.get_by_text("another program keeps it locked")).to_be_visible()
        assert taken() < TOLD_WITHIN
    assert "in-between" not in site.switch.run_command("account", "list")

    dialog.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="in-between@sip.test", level=1)).to_be_visible()


def test_what_could_not_be_removed_is_said_and_stays(site, page):
    site.open(page, "/accounts/carol")
    page.get_by_role("button", name="Remove account").click()
    remove = page.get_by_role("dialog").get_by_role("button", name="Remove")
    with locked(site):
        remove.click()
        expect(page.get_by_text("another program keeps it locked")).to_be_visible()

    assert "carol" in site.switch.run_command("account", "list")


def test_who_is_not_let_in_yet_is_not_told_where_the_database_is(site, new_page):
    page = new_page()
    page.goto(f"{site.base}/login")
    with missing(site, "users"):
        page.get_by_label("Name").fill("root")
        page.get_by_label("Password").fill("very secret")
        page.get_by_role("button", name="Log in").click()

        expect(page.get_by_role("alert")).to_contain_text(
            "The database does not work now. Try again in a moment."
        )
        assert str(site.switch.data) not in page.content()


def test_what_cannot_be_stored_is_told_and_nothing_is_half_saved(site, page):
    site.open(page, "/me")
    with missing(site, "api_tokens"):
        page.get_by_role("button", name="Add token").click()
        dialog = page.get_by_role("dialog", name="Add a token")
        dialog.get_by_label("Name of the token").fill("half")
        dialog.get_by_role("button", name="Make token").click()
        expect(page.get_by_text("does not work")).to_be_visible()
        expect(dialog.get_by_label("Name of the token")).to_have_value("half")

    dialog.get_by_role("button", name="Make token").click()
    expect(page.get_by_test_id("token").filter(has_text="half")).to_be_visible()


def test_of_two_who_edit_one_dialplan_the_second_is_told_with_the_difference(site, new_page, page):
    other = new_page()
    site.come_in(other)
    for one in (page, other):
        site.open(one, "/dialplans/shared")
        one.locator(".cm-content").wait_for()
    write(other, 'respond(486, "theirs")\n')
    expect(other.get_by_text("Version 1 is live.")).to_be_visible()
    write(page, 'respond(486, "mine")\n')

    dialog = page.get_by_role("dialog", name="Somebody else has saved meanwhile")
    expect(dialog.locator(".removed")).to_contain_text("theirs")
    expect(dialog.locator(".added")).to_contain_text("mine")
    assert "theirs" in site.switch.run_command("dialplan", "show", "shared")
    dialog.get_by_role("button", name="Save mine over theirs").click()
    expect(page.get_by_text("Version 2 is live.")).to_be_visible()
    assert "mine" in site.switch.run_command("dialplan", "show", "shared")

    write(other, 'respond(486, "once more")\n')
    expect(other.get_by_role("dialog", name="Somebody else has saved meanwhile")).to_contain_text("mine")
    other.keyboard.press("Escape")
    site.switch.run_command("dialplan", "remove", "shared")
    write(other, 'respond(486, "and again")\n')
    expect(other.get_by_text("Save once more to make it anew.")).to_be_visible()
    write(other, 'respond(486, "anew")\n')
    expect(other.get_by_text(re.compile(r"^Version \d+, saved"))).to_be_visible()


def write(page, text):
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    page.locator(".cm-content").press("Control+s")


def test_what_is_taken_is_told_at_its_field_and_what_else_is_said_over_the_veil_of_a_dialog(site, page):
    """Behind the veil a sentence is dim, and no screen reader looks there."""
    site.open(page, "/accounts")
    page.get_by_role("button", name="Add account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("alice")
    dialog.get_by_label("Password").fill("secret")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("There is an account alice@")
    expect(dialog.get_by_label("Name")).to_have_attribute("aria-invalid", "true")

    page.evaluate(
        "runMethod(Number(document.querySelector('.toast-room').id.slice(1)), 'say', ['Not now.', true])"
    )
    expect(dialog.get_by_role("status")).to_have_text("Not now.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="Not now.")).to_be_visible()
