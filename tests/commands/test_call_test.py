"""The test call through a running switch: what it finds right, what it finds wrong, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from administering import Administering
from interop.harness import RunningSwitch, free_port
from sipwright.commands.common import CommandError
from sipwright.commands.init import initialise
from sipwright.commands.testcall import Place, find_place, rehearse
from sipwright.commands.testcall.scratch import Scratch
from sipwright.config import Settings
from sipwright.services.rows import CallRow
from sipwright.store import Administration
from sipwright.store.history.traces import remove_traces
from sipwright.store.schema import tables

StartSwitch = Callable[..., RunningSwitch]
PATIENCE = 120
"""Seconds: six test calls begin at once, each of which loads what a command needs, and the machine may be busy."""


class Done(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    error: str


def start(data: Path, port: int, *options: str) -> subprocess.Popen[str]:
    listen = json.dumps([f"127.0.0.1:{port}"])
    command = [Path(sys.executable).with_name("sipwright"), "call-test", "--data", data, *options]
    return subprocess.Popen(
        command,
        env={"SIPWRIGHT_SIP__UDP": listen, "SIPWRIGHT_SIP__TCP": listen, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Done:
    out, error = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out, error)


@pytest.fixture(scope="module")
def switch(start_switch: StartSwitch) -> RunningSwitch:
    return start_switch()


@pytest.fixture(scope="module")
def hurried(start_switch: StartSwitch) -> RunningSwitch:
    """A switch that gives scripts so little time that they cannot even begin, and that does not look into that."""
    return start_switch(DIALPLAN__SECONDS="0.000001", MONITOR__EVERY="0")


@pytest.fixture(scope="module")
def runs(
    switch: RunningSwitch, hurried: RunningSwitch, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Done]:
    """One run for each way to ask for it, and for what can be wrong from outside, all at the same time."""
    other = tmp_path_factory.mktemp("data") / "other"
    initialise(other, "sip.test")
    processes = {
        "udp": start(switch.data, switch.port),
        "udp to tcp": start(switch.data, switch.port, "--udp", "--tcp"),
        "json": start(switch.data, switch.port, "--tcp", "--json"),
        "script fails": start(hurried.data, hurried.port),
        "other database": start(other, switch.port),
        "no switch": start(switch.data, free_port("127.0.0.1")),
    }
    return {name: finish(process) for name, process in processes.items()}


@pytest.mark.parametrize("name", ["udp", "udp to tcp"])
def test_a_good_switch_passes_every_check(runs: dict[str, Done], name: str):
    done = runs[name]

    assert (done.status, done.error, done.out.count("FAILED")) == (0, "", 0), done.out
    assert "all 22 checks ok" in done.out
    assert "that is phone B: ringing it" in done.out


def test_the_ladder_has_both_legs_with_the_address_that_each_end_sees(runs: dict[str, Done]):
    report = json.loads(runs["json"].out)

    told = [(hop["way"], hop["message"]) for hop in report["ladder"]]
    for hop in (
        ("phone A -> switch", "INVITE (192.168.77.10)"),
        ("switch -> phone B", "INVITE (127.0.0.2)"),
        ("phone B -> switch", "180 Ringing"),
        ("switch -> phone A", "180 Ringing"),
        ("phone B -> switch", "200 OK (10.77.0.20)"),
        ("switch -> phone A", "200 OK (127.0.0.3)"),
        ("switch -> phone B", "ACK"),
        ("switch -> phone B", "INVITE (127.0.0.2 hold)"),
        ("switch -> phone A", "BYE"),
    ):
        assert hop in told
    times = [hop["ms"] for hop in report["ladder"]]
    assert times == sorted(times)


def test_json_has_everything(runs: dict[str, Done]):
    report = json.loads(runs["json"].out)

    assert (runs["json"].status, runs["json"].error, report["ok"]) == (0, "", True)
    assert report["switch"].startswith("tcp:127.0.0.1:")
    assert [entry["line"] for entry in report["log"]] == [2, 4]
    assert {check["ok"] for check in report["checks"]} == {True}
    assert report["ladder"][0]["wire"].startswith("REGISTER sip:")
    assert 0 < report["seconds"] < PATIENCE


def test_nothing_stays_behind(runs: dict[str, Done], switch: RunningSwitch):
    for listing in ("account list", "dialplan list", "bindings", "cdrs", "calls"):
        assert "call-test-" not in switch.run_command(*listing.split(), "--json")


async def test_a_call_that_is_kept_can_be_looked_at_and_its_dialplan_changed(
    store: Administration, place: Place
):
    first = await rehearse(store, place, "", is_kept=True)
    source = (await Administering(store).find_dialplan("call-test")).source
    await store.set_dialplan(None, "call-test", source.replace('log("that is', 'log("changed: that is'))
    second = await rehearse(store, place, "", is_kept=True)

    assert (first.failed, second.failed) == ([], [])
    assert [text for _, text in second.log][1] == "changed: that is phone B: ringing it"
    records = [cdr for cdr in await Administering(store).list_cdrs() if cdr["dialplan"] == "call-test"]
    assert {cdr["call_id"] for cdr in records} == {first.call, second.call}
    assert await names_left(store) == []
    await remove_traces(store.database, [cdr["account_id"] for cdr in records])
    await store.remove_dialplan("call-test")


async def test_what_a_killed_run_has_left_that_was_to_be_kept_is_its_dialplan(
    store: Administration, place: Place
):
    killed = Scratch(store, is_kept=True)
    await killed.make()
    accounts = tables.accounts
    long_ago = accounts.update().where(accounts.c.id.in_(killed.account_ids)).values(created_at=1.0)
    await store.database.write(lambda connection: connection.execute(long_ago))

    assert (await rehearse(store, place, "")).failed == []
    assert await names_left(store) == []
    await store.remove_dialplan("call-test")


def test_a_dialplan_that_fails_is_told_with_its_reason(runs: dict[str, Done], hurried: RunningSwitch):
    done = runs["script fails"]

    assert done.status == 1
    assert done.error == "sipwright: 1 of 4 checks FAILED: the call goes on to its end\n"
    assert "the dialplan did not ring phone B; the phone that asked got 500" in done.out
    assert "failed: the script computed for more than 1e-06 s" in done.out
    assert "call-test-" not in hurried.run_command("account", "list", "--json")


def test_without_a_switch_one_line_says_how_to_start_it(runs: dict[str, Done], switch: RunningSwitch):
    done = runs["no switch"]

    assert (done.status, done.out, done.error.count("\n")) == (1, "", 1)
    assert done.error.startswith("sipwright: no switch answers at udp:127.0.0.1:")
    assert f"is it running? start it with 'sipwright run --data {switch.data}'" in done.error


def test_a_switch_with_another_database_is_told_apart(runs: dict[str, Done]):
    done = runs["other database"]

    assert (done.status, done.out, done.error.count("\n")) == (1, "", 1)
    assert "refuses phones that this data folder knows (401 Unauthorized)" in done.error


@pytest.fixture
async def store(switch: RunningSwitch) -> AsyncIterator[Administration]:
    settings = Settings.load(switch.data)
    opened = await Administration.open(settings.database_url, settings.key_file)
    yield opened
    await opened.close()


@pytest.fixture
def place(switch: RunningSwitch, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", json.dumps([f"127.0.0.1:{switch.port}"]))
    return find_place(Settings.load(switch.data))


async def names_left(store: Administration) -> list[str]:
    accounts = [account.username for account in await store.list_accounts()]
    plans = [plan.name for plan in await store.list_dialplans()]
    return [name for name in (*accounts, *plans) if name.startswith("call-test-")]


async def calls_of_tests(store: Administration) -> list[CallRow]:
    return [call for call in await Administering(store).list_calls() if "call-test-" in call.from_text]


async def test_a_run_that_is_stopped_in_its_call_hangs_up_and_cleans_up(store: Administration, place: Place):
    running = asyncio.create_task(rehearse(store, place, ""))
    async with asyncio.timeout(60):
        while not await calls_of_tests(store):
            assert not running.done()

    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()
    assert await names_left(store) == []
    assert await calls_of_tests(store) == []
    assert await Administering(store).list_cdrs() == []


async def test_a_run_that_is_stopped_while_it_writes_cleans_up(store: Administration, place: Place):
    running = asyncio.create_task(rehearse(store, place, ""))
    async with asyncio.timeout(60):
        while not await names_left(store):
            assert not running.done()

    running.cancel()
    await asyncio.wait([running])

    assert await names_left(store) == []


async def test_what_a_killed_run_has_left_goes_with_the_next_one(store: Administration, place: Place):
    killed, young = Scratch(store), Scratch(store)
    await killed.make()
    await young.make()
    versions = tables.dialplan_versions
    plan = await Administering(store).find_dialplan(killed.plan)
    long_ago = versions.update().where(versions.c.dialplan_id == plan.id).values(created_at=1.0)
    await store.database.write(lambda connection: connection.execute(long_ago))

    report = await rehearse(store, place, "")

    assert report.failed == []
    assert sorted(await names_left(store)) == sorted([young.plan, *young.account_names])
    await young.remove()


async def test_a_switch_without_a_domain_is_told(place: Place, tmp_path: Path):
    from sipwright.store.crypto import create_key_file

    create_key_file(tmp_path / "key")
    empty = await Administration.open(f"sqlite:///{tmp_path}/empty.db", tmp_path / "key", migrate=True)

    with pytest.raises(CommandError, match="serves no SIP domain"):
        await rehearse(empty, place, "")

    await empty.close()
