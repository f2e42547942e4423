"""Who is pretended to do what: from the leg that a script dials to the behaviour that it meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from fnmatch import fnmatchcase

from sipwright.services.dialstring import DialLeg, ToProvider, ToUri, ToUser
from sipwright.services.switch import no_provider_or_host
from sipwright.sip import ParseError, Uri

from .behaviour import SILENT, Behaviour

__all__ = ["Answers", "Asked", "names_of", "short_name"]


class Answers:
    """What each phone and provider does with its first, second, ... call; who is not named rings and stays silent.

    Where `providers` is given (the names that each user can dial), a name without a dot that is neither among them nor
    spoken of leads nowhere, as in the switch.

    Who: ``bob`` (a phone here, or a provider), ``bob@local``, ``300@blueface``, ``@blueface`` (that provider and no
    phone), and patterns such as ``353*@blueface`` or ``*``.
    """

    def __init__(
        self,
        said: Iterable[tuple[str, list[Behaviour]]] = (),
        *,
        domain: str = "example.org",
        providers: Mapping[str, Set[str]] | None = None,
    ) -> None:
        self.domain = domain
        self.providers = providers
        self._said: dict[str, list[Behaviour]] = {}
        for who, behaviours in said:
            self.set(who, behaviours)

    def set(self, who: str, behaviours: list[Behaviour]) -> None:
        """Say what somebody does, in place of what was said before."""
        self._said[who.lower()] = behaviours

    def get(self, who: str) -> list[Behaviour]:
        """Return what was said of somebody."""
        return self._said.get(who.lower(), [])

    def is_registered(self, user: str) -> bool:
        """Return whether a phone of that name was spoken of, and is registered."""
        behaviours = self._find(f"{user}@local", user)[1]
        return bool(behaviours) and behaviours[0].is_registered

    def missing_provider(self, leg: DialLeg, user: str) -> str | None:
        """Return the name that a leg of that user's script takes for a provider's, if there is none."""
        match leg.target:
            case ToProvider(name) | ToUser(_, name, None):
                pass
            case _:
                return None
        name = name.lower()
        if self.providers is None or "." in name or ":" in name or name in ("local", self.domain.lower()):
            return None
        spoken_of = (who.rpartition("@")[2] for who in self._said)
        is_known = name in self.providers.get(user, ()) or any(fnmatchcase(name, who) for who in spoken_of)
        return None if is_known else name

    def _find(self, *names: str) -> tuple[str, list[Behaviour]]:
        for name in names:
            if (found := self._said.get(name.lower())) is not None:
                return name.lower(), found
        for pattern, behaviours in self._said.items():
            if "*" in pattern and any(fnmatchcase(name.lower(), pattern) for name in names):
                return pattern, behaviours
        return "", []


class Asked:
    """One pretended call's way through the answers: who has been called how often."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._calls: Counter[str] = Counter()
        self.unknown: list[str] = []
        """Who was called of whom nothing is said."""
        self.no_provider: list[str] = []
        """The names of providers that were dialled and that there are none of."""

    def next_for(self, leg: DialLeg, user: str = "") -> Behaviour:
        """Return what this call of that leg meets, when a script of that user dials it."""
        names = names_of(leg, self._answers.domain)
        found, behaviours = self._answers._find(*names)
        if not behaviours and (missing := self._answers.missing_provider(leg, user)) is not None:
            self.no_provider.append(missing)
            if isinstance(leg.target, ToProvider):
                return Behaviour(480, is_registered=False)
            return Behaviour(503, no_provider_or_host(missing).reason)
        if not behaviours:
            self.unknown.append(str(leg.target))
            return SILENT
        number = self._calls[found]
        self._calls[found] += 1
        return behaviours[min(number, len(behaviours) - 1)]


def names_of(leg: DialLeg, domain: str) -> list[str]:
    """Return what a leg may be called in an answer, the most exact name first."""
    target = leg.target
    match target:
        case ToProvider(name):
            return [f"@{name}", name]
        case ToUser(user, host):
            if host.lower() in ("local", domain.lower()):
                return [str(target), f"{user}@{host}", f"{user}@local", user]
            return [str(target), f"{user}@{host}", f"@{host}", host]
        case ToUri(uri):
            user, host = _parts(uri)
            if not host:
                return [str(target), uri]
            if host.lower() == domain.lower():
                return [str(target), uri, f"{user}@{host}", f"{user}@local", user]
            return [str(target), uri, f"{user}@{host}", f"@{host}", host]
    raise AssertionError(target)


def short_name(leg: DialLeg, domain: str) -> str:
    """Return the name of a phone here, or of the provider or host that a leg leads to."""
    return names_of(leg, domain)[-1]


def _parts(text: str) -> tuple[str, str]:
    try:
        uri = Uri.parse(text)
    except ParseError:
        return "", ""
    return uri.user or "", uri.host
