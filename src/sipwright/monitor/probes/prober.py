"""Asks every part in its turn, and knows how each stands: three losses in a row are an outage, one is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass

import structlog

from sipwright.monitor.probes.result import Lost, ProbeResult

__all__ = ["LOST_AFTER", "PartState", "Probe", "Prober"]

log = structlog.get_logger(__name__)

LOST_AFTER = 3
"""Losses in a row from which on a part is down."""

PATIENCE = 4.0
"""Seconds that a probe may take in all."""

APART = 0.02
"""Seconds between the beginnings of two probes, so that none of them measures the other."""

Probe = Callable[[], Awaitable[float | None]]
"""Asks one part: gives the milliseconds that it took, or None where there is nothing to ask; raises `Lost`."""


@dataclass(slots=True)
class PartState:
    """How a part stands: when it was asked last, how often it was lost in a row, and since when."""

    part: str
    at: float
    milliseconds: float | None
    losses: int = 0
    since: float | None = None
    reason: str | None = None

    @property
    def is_down(self) -> bool:
        """Whether it has been lost for three times in a row."""
        return self.losses >= LOST_AFTER


class Prober:
    """The parts of one node, and whoever else it asks."""

    def __init__(self, probes: Callable[[], Mapping[str, Probe | None]]) -> None:
        """`probes` gives all that there is to ask, anew for each round; with None it is another one's turn."""
        self._probes = probes
        self.states: dict[str, PartState] = {}

    async def round(self, at: float) -> list[ProbeResult]:
        """Ask all parts, and return what was found; `at` is the Unix time of the round."""
        probes = self._probes()
        turns = [(part, probe) for part, probe in probes.items() if probe is not None]
        asked = [_ask(part, probe, number * APART) for number, (part, probe) in enumerate(turns)]
        found = [result for result in await asyncio.gather(*asked) if result is not None]
        waiting = {part for part, probe in probes.items() if probe is None}
        self._take(found, at, waiting)
        return found

    def _take(self, found: list[ProbeResult], at: float, waiting: Container[str]) -> None:
        known = self.states
        self.states = {part: state for part, state in known.items() if part in waiting}
        for result in found:
            state = known.get(result.part)
            if state is None:
                state = PartState(result.part, at, None)
            state.at, state.milliseconds, state.reason = at, result.milliseconds, result.reason
            if result.is_up:
                if state.is_down:
                    log.warning("part is back", part=result.part, seconds=round(at - (state.since or at), 1))
                state.losses, state.since = 0, None
            else:
                state.losses += 1
                state.since = at if state.since is None else state.since
                if state.losses == LOST_AFTER:
                    log.error("part is down", part=result.part, why=result.reason)
            self.states[result.part] = state


async def _ask(part: str, probe: Probe, after: float) -> ProbeResult | None:
    await asyncio.sleep(after)
    try:
        async with asyncio.timeout(PATIENCE):
            milliseconds = await probe()
    except Lost as error:
        return ProbeResult(part, None, str(error))
    except TimeoutError:
        return ProbeResult(part, None, f"no answer within {PATIENCE:g} s")
    except Exception as error:  # the root of a probe: a fault of ours must not end the others
        log.exception("probe failed", part=part)
        return ProbeResult(part, None, f"the probe itself failed: {type(error).__name__}")
    return None if milliseconds is None else ProbeResult(part, milliseconds)
