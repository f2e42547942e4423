"""People at the door and on `/me`: sign-up, a lost password, codes, tokens, keys, sessions, time zone and theme."""

import re

import pyotp
import pytest
from playwright.sync_api import expect

from interop.harness import until

pytestmark = pytest.mark.peer("chromium")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMnuIoYjCEJ8CPVrTyXBShsiJ9fiQ6WtQlMbvVhdyJpt frank@laptop"
SECRET = "a long secret"


@pytest.fixture
def somebody(site, new_page):
    """A browser of a user of their own, who may change everything about themselves."""

    def make(name):
        site.switch.run_command("user", "add", name, "--password", SECRET, "--email", f"{name}@sip.test")
        page = new_page()
        site.log_in(page, name, SECRET)
        site.open(page, "/me")
        return page

    return make


def test_an_admin_makes_an_invite_and_whoever_has_it_signs_up(site, new_page, page):
    site.open(page, "/users")
    page.get_by_role("button", name="Make an invite").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it").click()
    address = page.get_by_test_id("invite-link").inner_text()
    expect(page.get_by_test_id("invite")).to_have_count(1)

    newcomer = new_page()
    newcomer.goto(address)
    for label, text in (("Name", "grace"), ("Password", SECRET), ("Type it again", "something else")):
        newcomer.get_by_label(label, exact=True).fill(text)
    newcomer.get_by_role("button", name="Sign up").click()
    expect(newcomer.get_by_label("Type it again")).to_have_attribute("aria-invalid", "true")
    assert newcomer.get_by_label("Name", exact=True).input_value() == "grace"
    for label in ("Password", "Type it again"):
        newcomer.get_by_label(label, exact=True).fill(SECRET)
    newcomer.get_by_role("button", name="Sign up").click()
    expect(newcomer.get_by_role("heading", name="Switchboard", level=1)).to_be_visible()
    assert "grace" in site.switch.run_command("user", "list")


def test_without_a_good_code_nobody_signs_up(site, new_page):
    page = new_page()
    page.goto(f"{site.base}/login")
    site.follow(page, "Sign up")
    for label, text in (
        ("Invite code", "abcd"),
        ("Name", "mallory"),
        ("Password", SECRET),
        ("Type it again", SECRET),
    ):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Sign up").click()

    expect(page.get_by_role("alert")).to_contain_text("not good")


def test_who_has_forgotten_the_password_gets_a_link_by_mail(site, new_page, somebody):
    somebody("heidi")
    page = new_page()
    page.goto(f"{site.base}/login")
    site.follow(page, "Forgotten your password?")
    page.get_by_label("Name or mail").fill("heidi")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    until(
        lambda: [mail for mail in site.mails.kept if mail["To"] == "heidi@sip.test"],
        "the mail is there",
    )
    mail = next(mail for mail in site.mails.kept if mail["To"] == "heidi@sip.test")

    page.goto(re.search(r"http\S+token=\S+", mail.get_payload(decode=True).decode())[0])
    for label in ("New password", "Type it again"):
        page.get_by_label(label, exact=True).fill("another secret")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status")).to_contain_text("Your password is changed.")
    page.get_by_label("Name").fill("heidi")
    page.get_by_label("Password").fill("another secret")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.base}/")


def test_a_link_that_is_not_good_changes_nothing(site, new_page):
    page = new_page()
    page.goto(f"{site.base}/reset?token={'x' * 43}")
    for label in ("New password", "Type it again"):
        page.get_by_label(label, exact=True).fill("another secret")
    page.get_by_role("button", name="Change password").click()

    expect(page.get_by_role("alert")).to_contain_text("link is not good")


def test_the_own_password_is_changed_and_what_is_wrong_is_told_at_its_field(somebody):
    page = somebody("ivan")
    for label, text in (("Current password", "wrong"), ("New password", "another secret"),
                        ("Type it again", "another secret")):  # fmt: skip
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_label("Current password")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Current password").fill(SECRET)
    page.get_by_role("button", name="Change password").click()

    expect(page.get_by_text("Your password is changed.")).to_be_visible()


def test_codes_are_set_up_asked_for_and_turned_off(site, somebody):
    page = somebody("judy")
    page.get_by_test_id("totp").get_by_label("Your password").fill(SECRET)
    page.get_by_role("button", name="Set up one-time codes").click()
    expect(page.get_by_role("img", name="QR for an authenticator app")).to_be_visible()
    secret = page.get_by_test_id("totp-secret").locator("dd").inner_text()
    codes = pyotp.TOTP(secret)
    page.get_by_test_id("totp").get_by_label("Code").fill(codes.now())
    page.get_by_role("button", name="Turn on").click()
    recovery = page.get_by_test_id("recovery-codes").get_by_role("listitem")
    expect(recovery).to_have_count(10)
    kept = recovery.first.inner_text()

    page.context.clear_cookies()
    page.goto(f"{site.base}/login")
    page.get_by_label("Name").fill("judy")
    page.get_by_label("Password").fill(SECRET)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("code of your authenticator app")
    assert SECRET not in page.content()
    expect(page.get_by_label("Code")).to_be_focused()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("code is wrong")
    page.get_by_label("Code").fill(kept)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.base}/")
    site.open(page, "/me")
    expect(page.get_by_test_id("totp")).to_contain_text("9 recovery codes left")
    page.get_by_test_id("totp").get_by_label("Your password").fill(SECRET)
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("button", name="Set up one-time codes")).to_be_visible()


def test_a_token_is_shown_once_works_and_is_revoked(site, somebody):
    page = somebody("kim")
    page.get_by_role("button", name="Add token").click()
    dialog = page.get_by_role("dialog", name="Add a token")
    dialog.get_by_label("Name of the token").fill("backup")
    dialog.get_by_role("button", name="Make token").click()
    token = page.get_by_test_id("token-secret").inner_text()
    answer = page.request.get(f"{site.base}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.json()["scopes"]) == (200, ["read"])

    page.get_by_test_id("token").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    expect(page.get_by_test_id("token-secret")).to_have_count(0)


def test_a_key_is_added_and_removed_and_what_is_none_is_told(somebody):
    page = somebody("frank")
    page.get_by_role("button", name="Add key").click()
    dialog = page.get_by_role("dialog", name="Add an SSH key")
    dialog.get_by_label("Public key").fill("no key at all")
    dialog.get_by_role("button", name="Add the key").click()
    expect(dialog.get_by_label("Public key")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Public key").fill(KEY)
    dialog.get_by_role("button", name="Add the key").click()
    row = page.get_by_test_id("key")
    expect(row).to_contain_text("frank@laptop")
    expect(row).to_contain_text("SHA256:")

    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No keys yet")).to_be_visible()


def test_other_sessions_are_ended(site, new_page, somebody):
    page = somebody("leo")
    other = new_page()
    site.log_in(other, "leo", SECRET)
    site.open(page, "/me")
    expect(page.get_by_test_id("session")).to_have_count(2)
    page.get_by_role("button", name="End all others").click()

    expect(page.get_by_test_id("session")).to_have_count(1)
    expect(other).to_have_title("Log in · Sipwright")


def test_times_follow_the_time_zone_and_colours_the_theme(somebody):
    page = somebody("mia")
    page.get_by_label("Time zone").fill("Nowhere/Land")
    page.get_by_role("button", name="Save time zone").click()
    expect(page.get_by_label("Time zone")).to_have_attribute("aria-invalid", "true")
    before = page.get_by_test_id("session").first.locator("td").nth(2).inner_text()
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    page.get_by_role("button", name="Save time zone").click()
    expect(page.get_by_test_id("session").first.locator("td").nth(2)).not_to_have_text(before)
    page.get_by_label("Theme").select_option("dark")
    page.reload()

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    expect(page.get_by_label("Theme")).to_have_value("dark")


def test_an_admin_changes_a_user_gives_a_password_and_removes_them(site, new_page, page):
    site.switch.run_command("user", "add", "nina", "--password", SECRET)
    site.open(page, "/users")
    site.follow(page, "nina")
    page.get_by_label("Scripts at once").fill("many")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_label("Scripts at once")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Scripts at once").fill("7")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_label("New password").fill("given secret")
    page.get_by_role("button", name="Give new password").click()
    expect(page.get_by_text("logs in with the new password")).to_be_visible()
    hers = new_page()
    site.log_in(hers, "nina", "given secret")

    page.get_by_role("button", name="Remove user").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="nina", exact=True)).to_have_count(0)
    expect(hers).to_have_title("Log in · Sipwright")
