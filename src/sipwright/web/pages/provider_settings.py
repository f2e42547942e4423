"""The settings of a provider on its page: what the command line can set, the page can."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipwright.services.callers import CALLER_HEADERS, IDENTITY, NUMBER_FORMATS
from sipwright.store.admin.providers import NUMBER_IN, TLS_VERIFY
from sipwright.store.admin.specs import ProviderChange
from sipwright.usecases.errors import Invalid
from sipwright.usecases.providers import ProviderView
from sipwright.web.pages.choices import plan_options
from sipwright.web.pages.elements import actions, button, card, tag
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field

__all__ = ["ProviderSettings"]

_AWAY = -1.0
"""Takes away how long a provider may take to answer: 0 is a time of its own."""


class ProviderSettings:
    """The settings of one provider in one browser; `on_saved` is told how it is afterwards."""

    def __init__(
        self, visit: Visit, provider: ProviderView, user: str | None, on_saved: Callable[[ProviderView], None]
    ) -> None:
        self.visit = visit
        self.provider = provider
        self.user = user
        self.on_saved = on_saved
        self.fields: dict[str, Field] = {}

    async def build(self) -> None:
        """Make the card."""
        with card("Settings"):
            with tag("div", "fields"):
                self.fields |= await self._usual()
            with tag("details", "more"):
                tag("summary", "", "More settings")
                with tag("div", "fields"):
                    self.fields |= self._rare()
            self.register = Field("Register there", self.provider.register, kind="check")
            self.messages = Field(
                "Ask it how many voice messages wait", self.provider.messages, kind="check",
                hint="The phones of the account that takes its calls show it.",
            )  # fmt: skip
            self.enabled = Field("It may be used", self.provider.enabled, kind="check")
            with actions():
                button("Save settings", self._save, kind="main")

    async def _usual(self) -> dict[str, Field]:
        provider = self.provider
        return {
            "server": Field("Server", provider.server),
            "username": Field("User there", provider.username or ""),
            "password": Field(
                "New password", kind="password", autocomplete="new-password", hint="Empty leaves it as it is."
            ),
            "auth_username": Field("Log-in name", provider.auth_username or "", hint="Where it differs."),
            "outbound_proxy": Field("Proxy", provider.outbound_proxy or ""),
            "from_template": Field("From", provider.from_template or "", hint="How it knows our number."),
            "account": Field("Account that takes its calls", provider.account or ""),
            "in_plan": Field(
                "Dialplan that takes its calls", provider.in_plan or "", kind="select",
                options=await plan_options(self.visit, "none: the account"),
            ),
            "networks": Field("Its networks", " ".join(provider.networks), hint="Such as 203.0.113.0/29."),
            "most_calls": Field(
                "Calls at once", _shown(provider.most_calls), placeholder="no limit", hint="In and out together."
            ),
        }  # fmt: skip

    def _rare(self) -> dict[str, Field]:
        provider = self.provider
        return {
            "caller_out": Field(
                "Told who calls in", provider.caller_out, hint="Such as pai; empty for From as it knows us."
            ),
            "caller_in": _choice("Says who calls in", provider.caller_in, CALLER_HEADERS),
            "number_format": _choice("Numbers of callers", provider.number_format, NUMBER_FORMATS),
            "number_in": _choice("Names the number that was dialled in", provider.number_in, NUMBER_IN),
            "identity": _choice(
                "Its Identity", provider.identity, IDENTITY, "pass believes it, and sends it on (RFC 8224)."
            ),
            "realm": Field("Realm", provider.realm or "", hint="Answer challenges of this one alone."),
            "answer_within": Field(
                "Seconds to answer", _shown(provider.answer_within), placeholder="as in the settings",
                hint="Then the next one of the dial string is tried; 0 waits 32 s.",
            ),
            "longest_call": Field(
                "Seconds that a call may last", _shown(provider.longest_call), placeholder="no limit of its own"
            ),
            "tls_verify": _choice(
                "Its certificate", provider.tls_verify, TLS_VERIFY,
                "on: as RFC 5922 says; wildcard: may name *.DOMAIN; off: not looked at.",
            ),
            "certificate": Field(
                "Certificate that it is shown", provider.certificate or "", hint="A file of the switch (PEM)."
            ),
            "certificate_key": Field("Key of that certificate", provider.certificate_key or ""),
        }  # fmt: skip

    async def _save(self) -> None:
        async def change_it() -> None:
            self.provider = await self.visit.usecases.providers.change(
                self.visit.actor, self.provider.provider, self._change(), user=self.user,
                if_match=self.provider.etag,
            )  # fmt: skip

        flags = {"register": self.register, "messages": self.messages}
        if await self.visit.attempt(change_it, **flags, **self.fields):
            self.fields["password"].value = ""
            self.on_saved(self.provider)
            self.visit.say("Saved. It counts from now on.")

    def _change(self) -> ProviderChange:
        """Return what was typed; who takes its calls is only said where that is another."""
        typed = {name: str(field.value).strip() for name, field in self.fields.items()}
        before = self.provider
        shown = before.certificate or "", before.certificate_key or ""
        is_another = (typed["certificate"], typed["certificate_key"]) != shown
        return ProviderChange(
            server=typed["server"],
            username=typed["username"] if typed["username"] != (before.username or "") else None,
            password=typed["password"] or None,
            auth_username=typed["auth_username"],
            register=bool(self.register.value),
            realm=typed["realm"],
            from_template=typed["from_template"],
            outbound_proxy=typed["outbound_proxy"],
            is_enabled=bool(self.enabled.value),
            answer_within=_number(typed, "answer_within", _AWAY),
            longest_call=_number(typed, "longest_call", 0.0),
            most_calls=int(_number(typed, "most_calls", 0)),
            account=typed["account"] if typed["account"] != (before.account or "") else None,
            in_plan=typed["in_plan"] if typed["in_plan"] != (before.in_plan or "") else None,
            number_in=typed["number_in"],
            networks=tuple(typed["networks"].replace(",", " ").split()),
            tls_verify=typed["tls_verify"],
            certificate=typed["certificate"] if is_another else None,
            certificate_key=typed["certificate_key"] if is_another else None,
            caller_out=typed["caller_out"],
            caller_in=typed["caller_in"],
            number_format=typed["number_format"],
            identity=typed["identity"],
            messages=bool(self.messages.value),
        )


def _choice(label: str, value: str, words: Sequence[str], hint: str | None = None) -> Field:
    return Field(label, value, kind="select", options=[(word, word) for word in words], hint=hint)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _number(typed: dict[str, str], name: str, empty: float) -> float:
    text = typed[name]
    if not text:
        return empty
    is_whole = name == "most_calls"
    if not (text if is_whole else text.replace(".", "", 1)).isdecimal():
        raise Invalid.of(name, f"write a number such as {'4' if is_whole else '4 or 2.5'}, or nothing")
    return float(text)
