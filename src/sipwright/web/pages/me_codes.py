"""One-time codes on ``/me``: an app is pointed at a QR code, a first code proves it right, recovery codes are kept."""

from __future__ import annotations

from collections.abc import Iterable

from nicegui.elements.html import Html

from sipwright.usecases.me import MeView, TotpSetUp
from sipwright.web.pages.elements import actions, button, card, copy_button, facts, note, pill, tag
from sipwright.web.pages.format import plural
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field

__all__ = ["Codes"]


class Codes:
    """The card of one-time codes; what it shows goes from off to on in three steps."""

    def __init__(self, visit: Visit, me: MeView) -> None:
        self._visit = visit
        self._me = me

    def build(self) -> None:
        """Make the card."""
        with card("One-time codes") as box:
            box.props["data-testid"] = "totp"
            with box.head:
                self._state = tag("div")
            self._room = tag("div", "stack")
        self._draw(self._me)

    def _tell_state(self, *, is_on: bool) -> None:
        self._state.clear()
        with self._state:
            pill("on" if is_on else "off", "good" if is_on else "")

    def _draw(self, me: MeView) -> None:
        self._tell_state(is_on=me.totp)
        self._room.clear()
        with self._room:
            if me.totp:
                self._when_on(me)
            else:
                self._when_off()

    def _when_off(self) -> None:
        tag(
            "p", "quiet",
            "With a code of an app on your phone, nobody who has found your password gets in. "
            "Any authenticator app will do.",
        )  # fmt: skip
        password = Field("Your password", kind="password", autocomplete="current-password")
        password.classes("short")

        async def begin() -> None:
            with self._visit.telling(password=password):
                self._show_set_up(
                    await self._visit.usecases.me.totp_begin(self._visit.actor, str(password.value))
                )

        password.on_enter(begin)
        with actions():
            button("Set up one-time codes", begin, kind="main")

    def _show_set_up(self, made: TotpSetUp) -> None:
        self._room.clear()
        with self._room:
            tag("p", "", "Point your authenticator app at this code, or type the secret into it.")
            with tag("div", "row"):
                drawn = Html(made.qr_code, sanitize=False).classes("qr")
                drawn.props["role"], drawn.props["aria-label"] = "img", "QR for an authenticator app"
                with tag("div", "stack"):
                    facts([("Secret", made.secret)]).props["data-testid"] = "totp-secret"
                    with actions():
                        copy_button("Copy secret", made.secret)
                        tag("a", "button", "Open in an app", href=made.uri)
            code = Field("Code", hint="The six digits that the app shows now.", autocomplete="one-time-code")
            code.classes("short")

            async def confirm() -> None:
                with self._visit.telling(code=code):
                    found = await self._visit.usecases.me.totp_confirm(self._visit.actor, str(code.value))
                    self._show_recovery(found, "Codes are asked for from now on.")

            code.on_enter(confirm)
            with actions():
                button("Turn on", confirm, kind="main")
                button("Cancel", self._again)
            code.focus()

    def _show_recovery(self, codes: Iterable[str], told: str) -> None:
        found = list(codes)
        self._tell_state(is_on=True)
        self._room.clear()
        with self._room:
            note(
                f"{told} Keep these recovery codes where your phone is not: each lets you in once without it. "
                "They are shown this once.",
                "good",
            )
            with tag("ul", "codes", role="list", aria_label="Recovery codes", data_testid="recovery-codes"):
                for each in found:
                    tag("li", "", each)
            with actions():
                copy_button("Copy recovery codes", "\n".join(found))
                button("I have kept them", self._again, kind="main")

    def _when_on(self, me: MeView) -> None:
        left = plural(me.recovery_codes, "recovery code")
        tag("p", "quiet", f"A code is asked for when you log in. {left} left, should your phone be lost.")
        password = Field("Your password", kind="password", autocomplete="current-password")
        password.classes("short")

        async def renew() -> None:
            with self._visit.telling(password=password):
                work = self._visit.usecases.me.new_recovery_codes
                found = await work(self._visit.actor, str(password.value))
                self._show_recovery(found, "The earlier ones are good for nothing any more.")

        async def off() -> None:
            turn_off, typed = self._visit.usecases.me.totp_off, str(password.value)
            if await self._visit.attempt(lambda: turn_off(self._visit.actor, typed), password=password):
                self._visit.say("No codes are asked for any more.")
                await self._again()

        with actions():
            button("New recovery codes", renew)
            button("Turn off", off, kind="danger")

    async def _again(self) -> None:
        self._draw(await self._visit.usecases.me.get(self._visit.actor))
