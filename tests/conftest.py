"""What all tests share: the peers from Debian's packages, and the switch as a process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from interop.harness import RunningSwitch

pytest_plugins = ["pytester", "databases"]

# How fast a machine makes up examples says nothing about the project. They are the same in each run, unless `make` is
# told otherwise (SEED=default).
settings.register_profile(
    "steady", deadline=None, derandomize=os.environ.get("SEED", "1").isdigit(),
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("steady")

HERE = Path(__file__).parent

PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "kamailio": "kamailio",
    "linphonec": "linphone-cli",
    "postgresql": "postgresql",
    "mariadbd": "mariadb-server-core",
    "nats-server": "nats-server",
    "dnsmasq": "dnsmasq-base",
    "chromium": "chromium",
    "stun": "stun-client",
    "turnutils_stunclient": "coturn",
    "prometheus": "prometheus",
    "npm": "npm",
    "node": "nodejs",
}
"""Who provides which peer."""

LONGEST = (
    "web/pages/test_site.py", "web/pages/test_journeys.py", "interop/test_small_office.py", "interop/test_workers.py",
    "interop/test_two_nodes.py", "chaos", "nights/test_lost_database.py", "web/pages", "node/several",
    "interop/test_sessions.py", "nights", "interop", "commands/test_provider.py", "web", "console", "store", "docs",
    "benchmarks", "golden", "usecases", "commands", "node", "scenarios",
)  # fmt: skip
"""Files and folders whose tests take long, the longest first."""

OTHERS = ("SIPWRIGHT_", "LISTEN_", "WATCHDOG_", "NOTIFY_SOCKET")
"""How variables begin that are for a switch, or a service, from whose shell the tests may be run."""

for _name in list(os.environ):
    if _name.startswith(OTHERS) or _name.upper().endswith(
        "_PROXY"
    ):  # no proxy leads to what is on this machine
        del os.environ[_name]

_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PROGRAMS = {"postgresql": "pg_ctlcluster"}

StartSwitch = Callable[..., RunningSwitch]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process is left with it while the others have ended."""
    ranks: dict[Path, int] = {}
    for path in {item.path for item in items}:
        name = path.relative_to(HERE).as_posix() if path.is_relative_to(HERE) else ""
        ranks[path] = next((rank for rank, one in enumerate(LONGEST) if name.startswith(one)), len(LONGEST))
    items.sort(key=lambda item: ranks[item.path])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose peer is missing, and name the package; where nothing may be skipped (CI) it fails."""
    for marker in item.iter_markers("peer"):
        for name in marker.args:
            if shutil.which(_PROGRAMS.get(name, name), path=_SEARCHED) is None:
                sentence = f"{name} is not installed (Debian package: {PACKAGES[name]})"
                if os.environ.get("CI"):
                    pytest.fail(sentence, pytrace=False)
                pytest.skip(sentence)


@pytest.fixture(autouse=True)
def unconfigured_log() -> None:
    """Forget how a command that ran inside this process has configured the log."""
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def start_switch() -> Iterator[StartSwitch]:
    """Start a switch with a data folder of its own; it ends with the module, and its calls have to as well."""
    switches: list[RunningSwitch] = []

    def start(
        accounts: Iterable[str | tuple[str, str, str]] = (),
        dialplans: Mapping[str, str] | None = None,
        providers: Mapping[str, str | tuple[str, ...]] | None = None,
        **settings: str,
    ) -> RunningSwitch:
        switch = RunningSwitch()
        switches.append(switch)
        switch.set_dialplans(dialplans or {})
        switch.add_accounts(accounts)
        for name, server in (providers or {}).items():
            switch.add_provider(name, *([server] if isinstance(server, str) else server))
        switch.start(**settings)
        return switch

    yield start
    faults = []
    for switch in switches:
        faults += switch.new_faults()
        switch.close()
    assert faults == []
