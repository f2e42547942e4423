"""What a run was told of its owner's secrets: kept out of all that is written down, sealed where it has to be kept.

A script that has asked for a secret has it in its data, so what is stored of it while it waits is sealed, together with
the secrets and with what it asks for; the journal and everything that is made of it show a secret's name in its place.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

from sipwright.services.rows import SEALED_RUN

from ..language.catalogue import CATALOGUE
from ..language.commands import Ask, Dial, LogLine, Respond
from ..sandbox.result import Completed, Failed, Kind, Result, Suspended

__all__ = ["Secrets", "Vault"]

_SHORT = 8
"""Letters: what is shorter is only found as a word of its own."""

_FEWEST = 6
"""Letters of the beginning or the end of a secret that are hidden where a text was cut."""

_CUT = 100
"""Letters: no shorter text is cut."""


class Vault(Protocol):
    """What seals things with the key of this data folder."""

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt something for one place."""

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt it.

        Raises:
            ValueError: It cannot be decrypted.
        """


class Secrets:
    """The secrets that a run knows, by name."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._forms: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, values: dict[str, str]) -> None:
        """Know more of them."""
        self._values |= values
        self._forms = {form: name for name, value in self._values.items() for form in _forms(value)}
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, longest_first)))

    def hide(self, value: Any) -> Any:
        """Return a value, JSON or near it, with names in the place of secrets."""
        if self._pattern is None:
            return value
        match value:
            case str():
                return self._hide(value)
            case dict():
                return {self.hide(key): self.hide(one) for key, one in value.items()}
            case list() | tuple():
                return [self.hide(one) for one in value]
        return value

    def _hide(self, text: str) -> str:
        assert self._pattern is not None
        text = self._pattern.sub(lambda found: f"<secret:{self._forms[found[0]]}>", text)
        return text if len(text) < _CUT else self._hide_parts(text)

    def _hide_parts(self, text: str) -> str:
        """Hide what is left of a secret where a text was cut: at its end, and on both sides of three dots."""
        parts = re.split(r"(\.\.\.|\u2026)", text)
        for form, name in self._forms.items():
            for place, part in enumerate(parts):
                for length in range(min(len(form), len(part)), _FEWEST - 1, -1):
                    if part.endswith(form[:length]):
                        part = f"{part[: len(part) - length]}<secret:{name}>"
                        break
                if place:
                    for length in range(min(len(form), len(part)), _FEWEST - 1, -1):
                        if part.startswith(form[-length:]):
                            part = f"<secret:{name}>{part[length:]}"
                            break
                parts[place] = part
        return "".join(parts)

    def is_in(self, value: Any) -> bool:
        """Return whether a secret stands in a value."""
        return self._pattern is not None and any(self._pattern.search(text) for text in _texts(value))

    def cleared(self, result: Result, where: Callable[[int], str]) -> Result:
        """Return what the sandbox found without secrets in what it wrote; a script that gives them away has failed."""
        effects = [
            replace(one, text=self.hide(one.text)) if isinstance(one, LogLine) else one
            for one in result.side_effects
        ]
        shown = [one for one in effects if isinstance(one, Respond)]
        match result:
            case Failed():
                return replace(
                    result, message=self.hide(result.message), traceback=self.hide(result.traceback),
                    side_effects=[one for one in effects if not self._is_given_away(one)],
                )  # fmt: skip
            case Completed() if result.response is not None:
                shown.append(result.response)
        if any(map(self._is_given_away, shown)):
            return self._refusal("a response", result, effects, where)
        if isinstance(result, Suspended) and self._is_given_away(result.command):
            what = "dial()" if isinstance(result.command, Dial) else f"{result.command.function}()"
            return self._refusal(what, result, effects, where)
        return replace(result, side_effects=effects)

    def _is_given_away(self, thing: Any) -> bool:
        match thing:
            case Respond():
                return self.is_in([thing.reason, thing.headers])
            case Dial():
                return self.is_in(thing.to_json())
            case Ask():
                known = CATALOGUE.get(thing.function)
                return not (known is not None and known.carries_secrets) and self.is_in(thing.arguments)
        return False

    def _refusal(
        self, what: str, result: Suspended | Completed, effects: list[Any], where: Callable[[int], str]
    ) -> Failed:
        line = "" if result.line is None else f"{where(result.line)}: "
        sentence = f"{line}{what} would tell a secret; only http_get(), http_post() and email() may have one"
        told = [one for one in effects if not self._is_given_away(one)]
        return Failed(Kind.ERROR, sentence, result.line, sentence, told)

    # What is stored.

    def seal(self, vault: Vault, place: str, continuation: bytes, arguments: dict[str, Any]) -> bytes:
        """Return what is to be kept of a script that waits: as it is where it knows no secret."""
        if not self._values:
            return continuation
        head = json.dumps({"secrets": self._values, "arguments": arguments}).encode()
        return SEALED_RUN + vault.seal(b"%08x%s%s" % (len(head), head, continuation), place)

    def open(self, vault: Vault, place: str, kept: bytes) -> tuple[bytes, dict[str, Any] | None]:
        """Read what was kept: the script, and what it asked for, None where that stands in the journal as it was.

        Raises:
            ValueError: It cannot be decrypted.
        """
        if not kept.startswith(SEALED_RUN):
            return kept, None
        plain = vault.open(kept[len(SEALED_RUN) :], place)
        end = 8 + int(plain[:8], 16)
        head = json.loads(plain[8:end])
        if head["secrets"].keys() - self._values.keys():
            self.add(head["secrets"])
        return plain[end:], head["arguments"]


def _forms(value: str) -> set[str]:
    """Return how a secret looks where it is written in other ways."""
    coded = base64.b64encode(value.encode()).decode()
    ways = {
        value,
        quote(value),
        quote(value, ""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
        coded,
        coded.rstrip("="),
    }
    return {way for way in ways if len(way) >= min(len(value), _SHORT)}


def _pattern(form: str) -> str:
    exact = re.escape(form)
    return exact if len(form) >= _SHORT else rf"(?<![A-Za-z0-9]){exact}(?![A-Za-z0-9])"


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, one in value.items():
                yield from (*_texts(key), *_texts(one))
        case list() | tuple():
            yield from _of_all(value)


def _of_all(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from _texts(value)
