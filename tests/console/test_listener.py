"""The console as clients see it: the real OpenSSH client, PuTTY's plink, scanners, and whoever wants too much."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress

import pyotp
import pytest

from console.conftest import PASSWORDS, Clients
from console.person import Person
from sipwright.console.commands.command import Where
from sipwright.console.commands.table import COMMANDS
from sipwright.console.host_key import HOST_KEY_FILE, fingerprint
from sipwright.console.listener import Console, listening_socket
from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases import Actor

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs the OpenSSH client")

CALL = (
    "INSERT INTO calls (id, node, user_id, direction, state, from_text, to_text, started_at, document)"
    " VALUES (?, 'n', (SELECT id FROM users WHERE name = ?), 'out', 'TALKING', ?, 'callee', ?, '')"
)
CDR = (
    "INSERT INTO cdrs (call_id, leg, direction, user_id, from_uri, to_uri, started_at, ended_at, status, reason)"
    " VALUES (?, 0, 'out', (SELECT id FROM users WHERE name = ?), ?, 'sip:callee@x', ?, ?, 200, 'OK')"
)


def store(clients: Clients, *statements: tuple[str, tuple[object, ...]]) -> None:
    database = sqlite3.connect(clients.folder / "data" / "sipwright.db")
    for statement, values in statements:
        database.execute(statement, values)
    database.commit()
    database.close()


async def scanner(
    clients: Clients, says: bytes = b"", source: str = "127.0.0.1"
) -> tuple[bytes, asyncio.StreamWriter]:
    """Knock, say something, and return what comes back at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", clients.port, local_addr=(source, 0))
    writer.write(says)
    try:
        return await asyncio.wait_for(reader.readline(), 60), writer
    except ConnectionError:
        return b"", writer
    except TimeoutError:
        writer.close()
        raise


async def test_a_command_has_its_output_and_its_exit_status(clients: Clients):
    found = await clients.ssh("admin", "calls", "--json")
    assert (found.status, json.loads(found.out), found.err) == (0, [], "")
    empty = await clients.ssh("admin", "calls")
    assert (empty.status, empty.out, empty.err) == (0, "", "no calls now\n")
    wrong = await clients.ssh("admin", "trace nothing")
    assert (wrong.status, wrong.out) == (1, "")
    assert wrong.err.startswith("sipwright: ")
    unknown = await clients.ssh("admin", "call'")

    assert (unknown.status, unknown.out) == (2, "")


@pytest.mark.parametrize("command", ["filter event call", "pause", "quit"])
async def test_a_command_of_the_prompt_is_told_apart_from_one_that_does_not_exist(
    clients: Clients, command: str
):
    found = await clients.ssh("alice", command)

    assert found.status == 2
    assert f"{command.split()[0]!r} is for the prompt, which 'ssh HOST' alone brings" in found.err


async def test_the_help_has_one_line_for_each_command(clients: Clients):
    found = await clients.ssh("alice", "help")

    assert "\\n" not in found.out
    assert [line.split()[0] for line in found.out.splitlines()] == [
        name for name, command in COMMANDS.items() if command.where is not Where.PROMPT
    ]


async def test_calls_are_a_table_and_harmless(clients: Clients):
    store(clients, (CALL, ("c1", "alice", "\x1b[2J\nevil", time.time())))

    found = await clients.ssh("alice", "calls")
    assert "\\x1b[2J\\nevil" in found.out
    assert "\x1b" not in found.out
    assert json.loads((await clients.ssh("alice", "calls", "--json")).out)[0]["id"] == "c1"


@pytest.mark.parametrize("command", [name for name, one in COMMANDS.items() if one.where is not Where.PROMPT])
async def test_another_user_sees_nothing_through_any_command(clients: Clients, command: str):
    now = time.time()
    store(
        clients,
        (CALL, ("secretid", "alice", "secret", now)),
        (CDR, ("secretid", "alice", "secret", now, now)),
    )
    arguments = {"events": None, "help": []}.get(command, [])
    if arguments is None:
        pytest.skip("no switch tells of events here; tests/usecases/test_events.py has the rule")
    if command in ("call", "trace", "hangup"):
        arguments = ["secretid"]

    alices, bobs = (
        await clients.ssh("alice", command, *arguments),
        await clients.ssh("bob", command, *arguments),
    )
    assert "secret" not in bobs.out
    assert "secret" not in bobs.err.replace("secretid", "")
    if command in ("calls", "cdrs", "call"):
        assert "secret" in alices.out


async def test_an_account_is_made_a_list_and_the_status_is_shown(clients: Clients):
    admin = Actor(1, "admin", "admin", "cli")
    for name in ("office", "101", "102"):
        await clients.usecases.accounts.create(admin, AccountSpec(name, "secret"))

    assert (await clients.ssh("admin", "members office 101 --none")).status == 2
    made = await clients.ssh("admin", "members office 102 101")
    assert (made.status, made.out) == (0, "102@localhost\n101@localhost\n")
    assert (await clients.ssh("alice", "members office")).status == 1
    none = await clients.ssh("admin", "members office --none --json")
    assert none.out == "[]\n"

    status = await clients.ssh("admin", "status")
    assert "does not work" in next(line for line in status.out.splitlines() if line.startswith("switch"))


HELD_BACK = (
    "INSERT INTO unusual_calls (user_id, account_id, place, number, why, code, times, at)"
    " VALUES ((SELECT id FROM users WHERE name = ?), 0, 'premium GB', ?, 'the first one', '123456', 2, ?)"
)


async def test_a_call_that_was_held_back_is_confirmed_and_held_back_again(clients: Clients):
    store(clients, (HELD_BACK, ("alice", "+449098790000", time.time())))
    (shown,) = json.loads((await clients.ssh("alice", "guard", "--json")).out)
    number = str(shown["id"])
    assert "123456" in (await clients.ssh("alice", "guard")).out
    assert (await clients.ssh("bob", "guard confirm", number)).status == 1
    confirmed = await clients.ssh("alice", "guard confirm", number)
    assert confirmed.out.startswith("calls of alice to premium numbers in GB leave until")
    undone = await clients.ssh("alice", "guard undo", number)
    assert undone.out == "calls of alice to premium numbers in GB are held back again\n"
    assert (await clients.ssh("alice", "guard confirm")).status == 2


async def test_nothing_else_can_be_opened(clients: Clients):
    for refused in (("-s", "sftp"), ("scp", "-t", "/tmp"), ("sh",)):
        options = refused[:1] if refused[0] == "-s" else ()
        found = await clients.ssh("admin", *refused[len(options) :], options=options)
        assert found.status != 0
    forward = await clients.ssh("admin", options=("-W", "127.0.0.1:22", "-o", "ExitOnForwardFailure=yes"))
    assert forward.status != 0
    remote = await clients.ssh(
        "admin", "calls", options=("-R", "0:127.0.0.1:22", "-o", "ExitOnForwardFailure=yes")
    )

    assert remote.status != 0


async def test_a_wrong_password_and_no_such_user_look_alike(clients: Clients):
    first = await clients.run([*clients.line("admin"), "calls"], "wrong")
    second = await clients.run([*clients.line("nobody"), "calls"], "wrong")

    assert (first.status, first.out) == (second.status, second.out) == (255, "")
    assert first.err.replace("admin", "NAME") == second.err.replace("nobody", "NAME")


async def test_a_public_key_lets_in_and_its_removal_keeps_out(clients: Clients):
    private = clients.folder / "id"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)]
    await asyncio.to_thread(subprocess.run, make, check=True)
    actor = (await clients.usecases.login.log_in(_visitor(), "alice", PASSWORDS["alice"])).actor
    await clients.usecases.keys.create(actor, private.with_suffix(".pub").read_text(), "laptop")
    line = clients.line("alice", "-i", str(private), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes")

    first = await clients.run([*line, "calls", "--json"])
    assert (first.err, first.out) == ("", "[]\n")
    assert (await clients.run([*line[:-1], "bob@127.0.0.1", "calls"])).status == 255
    await clients.usecases.keys.remove(actor, "laptop")
    assert (await clients.run([*line, "calls", "--json"])).status == 255


async def test_the_prompt_completes_and_runs_what_is_typed(clients: Clients):
    found = await clients.ssh(
        "alice", options=("-tt",), typed=b"bin\t\rnonsense\rquit\r", env={"TERM": "dumb"}
    )

    assert found.status == 0
    assert "> bindings" in found.out
    assert "no phone is registered now" in found.out
    assert "there is no command 'nonsense'" in found.out
    assert "\x1b" not in found.out


async def test_commands_may_come_from_a_pipe(clients: Clients):
    found = await clients.ssh("alice", options=("-T",), typed=b"calls\nhelp\n")

    assert found.status == 0
    assert "hangup ID" in found.out
    assert "no calls now" in found.err


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
async def test_colours_only_where_they_are_wanted(clients: Clients, env: dict[str, str], coloured: bool):
    options = ("-tt", "-o", "SendEnv=NO_COLOR")
    found = await clients.ssh("alice", options=options, typed=b"quit\r", env={"TERM": "xterm", **env})

    assert ("\x1b[1;32m" in found.out) is coloured


@pytest.mark.skipif(shutil.which("plink") is None, reason="needs PuTTY's plink")
async def test_plink_works(clients: Clients):
    key = fingerprint(clients.folder / "data" / HOST_KEY_FILE)
    line = [
        "plink",
        "-batch",
        "-P",
        str(clients.port),
        "-pw",
        PASSWORDS["alice"],
        "-hostkey",
        key,
        "alice@127.0.0.1",
    ]

    found = await clients.run([*line, "calls", "--json"])
    assert (found.status, found.out) == (0, "[]\n")


PLINK = pytest.mark.skipif(shutil.which("plink") is None, reason="needs PuTTY's plink")


def plink(clients: Clients, *words: str) -> Person:
    """Start plink as somebody does who has never been here."""
    line = ["plink", "-P", str(clients.port), "alice@127.0.0.1", *words]
    home = {"PUTTYDIR": str(clients.folder / "putty"), "TERM": "xterm"}
    return Person(line, {**os.environ, **home})


async def get_in(clients: Clients, person: Person) -> None:
    """Compare the host key, accept it, and say the password."""
    await person.see(fingerprint(clients.folder / "data" / HOST_KEY_FILE))
    await person.see("Store key in cache?")
    person.type("y\r")
    await person.see("Password: ")
    person.type(PASSWORDS["alice"] + "\r")
    await person.see("Press Return to begin session")
    person.type("\r")


@PLINK
async def test_somebody_works_with_plink_at_a_terminal(clients: Clients):
    person = plink(clients)
    await get_in(clients, person)
    await person.see("'help' lists the commands")
    person.type("bind\t")
    await person.see("bindings ")
    person.type("\r")
    await person.see("no phone is registered now")
    person.type("help\r")
    wide = await person.see("only events that fit, as in: filter event call and user alice and regex 503\r\n")
    assert "who may not come: list, add ADDRESS, remove ADDRESS\r\n" in wide
    person.resize(40)
    person.type("x" * 60)
    await person.see("\x1b[0m" + "x" * 20)
    person.type("\x03")
    await person.see("^C")
    person.type("quit\r")

    assert await person.leave() == 0


@PLINK
async def test_plink_does_not_go_on_unasked_with_a_host_that_it_does_not_know(clients: Clients):
    person = plink(clients, "-batch", "calls")
    await person.see("Cannot confirm a host key in batch mode")

    assert await person.leave() == 1


async def test_two_of_one_address_and_twenty_of_all(clients: Clients):
    lines, writers = [], []
    for number in range(24):
        line, writer = await scanner(clients, source=f"127.0.1.{number // 3}")
        lines.append(line)
        writers.append(writer)

    assert [bool(line) for line in lines[:6]] == [True, True, False] * 2
    assert sum(map(bool, lines)) == 16
    assert {line for line in lines if line} == {b"SSH-2.0-Console\r\n"}
    for number in range(3):
        writers.append((await scanner(clients, source=f"127.0.2.{number}"))[1])
        writers.append((await scanner(clients, source=f"127.0.2.{number}"))[1])
    assert len(clients.console._admission) == 20
    for writer in writers:
        writer.close()


def test_three_hundred_may_knock_before_anybody_looks():
    """The system drops the first packet of one too many; its client tries again after 1, 3 and 7 seconds."""
    listener = listening_socket("127.0.0.1:0")
    listener.setblocking(False)
    with closing(listener), ExitStack() as sockets:
        for _ in range(300):
            client = sockets.enter_context(closing(socket.socket()))
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        taken = 0
        with suppress(BlockingIOError):
            while True:
                sockets.enter_context(closing(listener.accept()[0]))
                taken += 1

    assert taken == 300


async def test_who_is_just_being_let_in_when_it_closes_is_let_go(clients: Clients):
    console = Console(clients.usecases, clients.console._settings)
    await console.start()
    with closing(socket.socket()) as client:
        client.setblocking(False)
        client.connect_ex(console.address)
        console._accept()
        await console.close()

        assert client.recv(100, socket.MSG_DONTWAIT) in (b"", b"SSH-2.0-Console\r\n")
    assert (len(console._admission), len(console._connections), len(console._house.tasks)) == (0, 0, 0)


async def test_a_login_works_while_three_hundred_scanners_knock(clients: Clients):
    words = [
        b"",
        b"SSH-2.0-scanner\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n" + bytes(200),
        b"\xff" * 9000,
    ]
    scanners = await asyncio.gather(
        *(scanner(clients, words[number % 5], f"127.0.{3 + number % 7}.1") for number in range(300))
    )
    found = await clients.ssh("alice", "calls", "--json")

    assert (found.status, found.out) == (0, "[]\n")
    for _, writer in scanners:
        writer.close()


@pytest.mark.parametrize(
    "modules", ["sipwright.commands.__main__", "sipwright.commands.run, sipwright.console.host_key"]
)
def test_neither_the_command_line_nor_the_switch_loads_asyncssh(modules: str):
    code = f"import sys, {modules}, sipwright.node.node; sys.exit('asyncssh' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


async def test_a_code_is_asked_for_where_there_is_one(clients: Clients):
    actor = (await clients.usecases.login.log_in(_visitor(), "alice", PASSWORDS["alice"])).actor
    secret = (await clients.usecases.me.totp_begin(actor, PASSWORDS["alice"])).secret
    recovery, *_ = await clients.usecases.me.totp_confirm(actor, pyotp.TOTP(secret).now())
    askpass = clients.folder / "code"
    askpass.write_text('#!/bin/sh\ncase "$1" in *Code*) echo "$SSH_CODE";; *) echo "$SSH_PASSWORD";; esac\n')
    askpass.chmod(0o700)
    line = [*clients.line("alice"), "calls", "--json"]
    wrong = {"SSH_ASKPASS": str(askpass), "SSH_CODE": "nonsense"}

    assert (await clients.run(line, PASSWORDS["alice"], env={**wrong, "SSH_CODE": recovery})).out == "[]\n"
    assert (await clients.run(line, PASSWORDS["alice"], env=wrong)).status == 255
    only_password = [*clients.line("alice", "-o", "PreferredAuthentications=password"), "calls"]
    assert (await clients.run(only_password, PASSWORDS["alice"])).status == 255


async def test_a_session_that_is_ended_elsewhere_ends_here(clients: Clients):
    never_ends = str(clients.folder / "input")  # open for writing as well, so nobody sees an end of it
    os.mkfifo(never_ends)
    open_input = ["sh", "-c", f"exec {shlex.join(clients.line('alice', '-tt'))} <> {shlex.quote(never_ends)}"]
    running = asyncio.create_task(clients.run(open_input, PASSWORDS["alice"]))
    actor = (await clients.usecases.login.log_in(_visitor(), "alice", PASSWORDS["alice"])).actor
    while len(found := await clients.usecases.sessions.list(actor)) < 2:  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0.05)
    (other,) = [one for one in found if one.id != actor.session]
    await clients.usecases.sessions.remove(actor, other.id)

    assert "your session has ended" in (await running).err


async def test_big_outputs_come_whole_and_in_no_more_memory(clients: Clients):
    now = time.time()
    store(
        clients, *((CDR, (f"c{number:05}", "alice", "x" * 150, now + number, now)) for number in range(5_000))
    )

    found = await clients.ssh("alice", "cdrs", "--json", "--limit", "5000")
    assert len(json.loads(found.out)) == 5_000
    listed = await clients.run(
        ["sh", "-c", shlex.join([*clients.line("alice"), "cdrs --limit 5000"]) + " | head -3"],
        PASSWORDS["alice"],
    )
    assert len(listed.out.splitlines()) == 3


def _visitor():
    from sipwright.usecases.visitor import Visitor

    return Visitor("ssh", "127.0.0.1")
