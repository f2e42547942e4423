"""The disk is full: callers and phones are answered, and everything goes on by itself when there is room."""

import os
import subprocess

import pytest

from computing import fair_seconds


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("a file system cannot be mounted here: that takes root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def fill(place):
    with (place / "fill").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(1))
        except OSError:
            pass


def test_whoever_asks_on_a_full_disk_is_answered_in_time(begin, small_disk):
    night = begin(small_disk / "data")
    night.command("account", "add", "bob", "--password", "secret")
    night.start()
    assert night.register() == [401, 200]

    fill(small_disk)
    for _ in range(30):  # the last page of the log has some room
        assert night.register()[-1] == 200
        if "outage began" in night.said():
            break
    with fair_seconds() as taken:
        assert night.register("bob")[-1] == 503
    assert taken() < 4.0
    assert night.register("alice")[-1] == 200  # a refresh: what is stored of it leads there still

    with fair_seconds() as taken:
        statuses, response = night.ask(
            "INVITE", "sip:alice@example.org", user="stranger", call_id="full", domain="example.net"
        )
    assert (statuses, "Retry-After: 10" in response) == ([100, 503], True)
    assert taken() < 2.0
    assert night.ask("OPTIONS", "sip:example.org")[0] == [503]
    said = night.said().partition("nothing can be stored")[2].splitlines()[0]
    assert f"the disk of {small_disk / 'data'} is full" in said
    assert "free_bytes=0 " in said

    os.unlink(small_disk / "fill")
    night.wait_for("database outage over")
    with fair_seconds() as taken:
        while night.register("bob")[-1] != 200:
            assert taken() < 3.0
    assert night.ask("OPTIONS", "sip:example.org")[0] == [200]


def test_the_first_call_on_a_full_disk_is_answered_too_and_the_process_can_be_ended(begin, small_disk):
    night = begin(small_disk / "data")
    night.start()
    assert night.register() == [401, 200]

    fill(small_disk)
    for number in range(8):  # the last page of the log may have room for one or two, for which nobody answers
        statuses, response = night.ask(
            "INVITE",
            "sip:alice@example.org",
            user="stranger",
            call_id=f"full-{number}",
            domain="example.net",
            within=2.0,
        )
        if statuses[-1:] == [503]:
            break
    assert (statuses[-1], "Retry-After: 10" in response) == (503, True)
    night.wait_for("nothing can be stored")
    with fair_seconds() as taken:
        assert night.end() == 0
    assert taken() < 10.0
