"""`/metrics` for Prometheus, from what the switch says of itself.

Whoever comes from a network of ``[web] metrics_from`` may read it, and whoever has a token of an admin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from sipwright.errors import UserError
from sipwright.monitor.counts import COUNTS
from sipwright.usecases.usecases import UseCases
from sipwright.web.api.identity import actor_of, usecases_of
from sipwright.web.problems import Problem
from sipwright.web.proxies import Networks

__all__ = ["metrics_of", "router"]

router = APIRouter(include_in_schema=False)

_GAUGES = {
    "scripts": "Runs of dialplans in progress.",
    "clients": "Programs at the control socket.",
}
_STATES = {
    "call_states": ("sipwright_calls_by_state", "Calls in progress by state."),
    "registrations": ("sipwright_provider_registrations", "Our registrations at providers by state."),
}
_STORAGE = {
    "is_away": ("sipwright_database_away", "Whether the database cannot be written."),
    "waiting": ("sipwright_rows_waiting", "Rows that wait for the database."),
    "is_short": ("sipwright_disk_short", "Whether there is too little of it."),
}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Show all numbers in the text format of Prometheus."""
    settings = request.app.state.settings.web
    if not (request.client and request.client.host in Networks(settings.metrics_from)):
        actor = await actor_of(request)
        if not actor.is_admin:
            raise Problem(403, "only an admin may read the numbers of everybody; ask one for a token")
    registry = CollectorRegistry()
    ProcessCollector(namespace="sipwright_faces", registry=registry)
    registry.register(_Numbers(await _status(usecases_of(request))))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _status(uses: UseCases) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await uses.ground.switch.request("status")
    except UserError:
        return None
    return found


class _Numbers:
    def __init__(self, status: Mapping[str, Any] | None) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Give the numbers."""
        yield from metrics_of(self._status)


def metrics_of(status: Mapping[str, Any] | None) -> Iterator[Metric]:
    """Give what a switch says of itself as metrics; that it says nothing is one, too."""
    yield GaugeMetricFamily("sipwright_up", "Whether the switch answers.", value=float(status is not None))
    if status is None:
        return
    info = GaugeMetricFamily("sipwright_info", "What runs here.", labels=["node", "version"])
    info.add_metric([str(status.get("node", "")), str(status.get("version", ""))], 1.0)
    yield info
    if status.get("started_at") is not None:
        yield GaugeMetricFamily(
            "sipwright_start_time_seconds", "When the switch was started.", value=status["started_at"]
        )
    yield from _counts(status)
    for name, said in _GAUGES.items():
        if name not in (status.get("counts") or ()) and isinstance(status.get(name), int | float):
            yield GaugeMetricFamily(f"sipwright_{name}", said, value=float(status[name]))
    for name, (called, said) in _STATES.items():
        if isinstance(status.get(name), Mapping):
            family = GaugeMetricFamily(called, said, labels=["state"])
            for state, count in status[name].items():
                family.add_metric([str(state)], float(count))
            yield family
    storage = status.get("storage") or {}
    for name, (called, said) in _STORAGE.items():
        if storage.get(name) is not None:
            yield GaugeMetricFamily(called, said, value=float(storage[name]))
    yield from _workers(status)
    yield from _parts(status)


def _workers(status: Mapping[str, Any]) -> Iterator[Metric]:
    """Give the CPU time of each process that handles messages: one that is full is seen in no sum."""
    cpu = CounterMetricFamily(
        "sipwright_worker_cpu_seconds", "CPU time of each worker, or of the only process.", labels=["node"]
    )
    alone = {"node": status.get("node", ""), **(status.get("counts") or {})}
    for one in status.get("workers") or (alone,):
        if one.get("cpu_seconds") is not None:
            cpu.add_metric([str(one["node"])], float(one["cpu_seconds"]))
    yield cpu


def _counts(status: Mapping[str, Any]) -> Iterator[Metric]:
    """Give what the node counts, those of one name together."""
    found = status.get("counts") or {name: status[name] for name in COUNTS if name in status}
    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for name, value in found.items():
        count = COUNTS.get(name)
        if count is None or not isinstance(value, int | float):
            continue
        called = f"sipwright_{count.metric or name}"
        family = families.get(called)
        if family is None:
            make = CounterMetricFamily if count.rises else GaugeMetricFamily
            labels = [] if count.label is None else [count.label[0]]
            family = families[called] = make(called, count.said, labels=labels)
        family.add_metric([] if count.label is None else [count.label[1]], float(value))
    yield from families.values()


def _parts(status: Mapping[str, Any]) -> Iterator[Metric]:
    """Give how each part stands that the node asks: whether it is up, how long it took, and when it was asked."""
    labels = ["part", "node"]
    up = GaugeMetricFamily(
        "sipwright_part_up", "Whether a part answers: 0 after three losses.", labels=labels
    )
    took = GaugeMetricFamily("sipwright_part_seconds", "How long its last answer took.", labels=labels)
    asked = GaugeMetricFamily(
        "sipwright_part_asked_timestamp_seconds", "When it was last asked.", labels=labels
    )
    for part in status.get("parts") or ():
        values = [str(part["part"]), str(status.get("node", ""))]
        up.add_metric(values, float(part["up"]))
        asked.add_metric(values, float(part["at"]))
        if part["milliseconds"] is not None:
            took.add_metric(values, part["milliseconds"] / 1_000)
    yield from (up, took, asked)
