"""To whom the tags lead of calls that have gone from one living node to another.

A tag names the boot that has made it, and who has the calls of that is known of all boots. The few that have gone
elsewhere are known one by one: those of this node's own doing at once, all others from the next beat on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sipwright.stack import boot_in

__all__ = ["MovedTags"]

ON_THE_WAY = 1.0
"""Seconds that a node is given to go on with a call that it was given; until then it would not know its requests."""


class MovedTags:
    """The boot that each of them leads to, as one node knows it."""

    def __init__(self, clock: Callable[[], float], kept: float) -> None:
        """Get ready; what this node knows itself counts for `kept` seconds, by when the database says it to all."""
        self._clock = clock
        self._kept = kept
        self.boots: dict[str, int] = {}
        """What is known, by tag: empty at nearly any time, which is to be seen at a glance of every message."""
        self._news: dict[str, tuple[int, float]] = {}
        self._given: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self.boots)

    def __contains__(self, tag: str) -> bool:
        return tag in self.boots

    def boot_of(self, tag: str) -> int | None:
        """Return the boot whose owner has the dialog of a tag."""
        boots = self.boots
        boot = boots.get(tag) if boots else None
        return boot_in(tag) if boot is None else boot

    def items(self) -> Iterable[tuple[str, int]]:
        """Return all tags, each with its boot."""
        return self.boots.items()

    def came(self, tags: Iterable[str], boot: int) -> None:
        """Know that calls are here from now on."""
        self._know(tags, boot)
        for tag in tags:
            self._given.pop(tag, None)

    def went(self, tags: Iterable[str], boot: int) -> None:
        """Know that calls are at another node from now on, or will be in a moment."""
        self._know(tags, boot)
        self._given.update(dict.fromkeys(tags, self._clock()))

    def _know(self, tags: Iterable[str], boot: int) -> None:
        self._news.update(dict.fromkeys(tags, (boot, self._clock())))
        self.boots.update(dict.fromkeys(tags, boot))

    def is_on_its_way(self, tag: str) -> bool:
        """Return whether the call of a tag was given away a moment ago."""
        given = self._given
        return bool(given) and self._clock() < given.get(tag, -ON_THE_WAY) + ON_THE_WAY

    def heard(self, boots: Mapping[str, int]) -> None:
        """Take what the database says."""
        since = self._clock() - self._kept
        self._news = {tag: news for tag, news in self._news.items() if news[1] > since}
        self._given = {tag: at for tag, at in self._given.items() if at > since}
        self.boots = {**boots, **{tag: boot for tag, (boot, _) in self._news.items()}}
