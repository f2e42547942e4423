"""Unix sockets in a folder: long paths, what a killed process has left, who may connect."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipwright.folder_sockets import connect, is_listening, listen

NAME = "some.sock"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose path is longer than an address of a Unix socket may be."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    return deep


@pytest.fixture
def listening(folder: Path) -> Iterator[socket.socket]:
    made = listen(folder, NAME, 8)
    yield made
    made.close()


def test_whoever_connects_is_heard_however_long_the_path_is(folder: Path, listening: socket.socket):
    with connect(folder, NAME) as client:
        client.send(b"hello")
        server, _ = listening.accept()
        with server:
            server.setblocking(True)

            assert server.recv(100) == b"hello"


def test_only_our_own_user_may_connect(folder: Path, listening: socket.socket):
    assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600


def test_a_socket_that_a_killed_process_has_left_is_replaced(folder: Path):
    """It may have been killed at any moment, so the one that was not in its place yet is left, too."""
    for name in (NAME, f"{NAME}.new"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            here = os.open(folder, os.O_RDONLY)
            left.bind(f"/proc/self/fd/{here}/{name}")
            os.close(here)
    assert not is_listening(folder, NAME)

    with listen(folder, NAME, 8):
        assert is_listening(folder, NAME)
        assert [path.name for path in folder.iterdir()] == [NAME]


def test_somebody_who_does_not_get_round_to_it_listens_all_the_same(folder: Path):
    with listen(folder, NAME, 0), connect(folder, NAME):
        with pytest.raises(BlockingIOError):
            connect(folder, NAME)

        assert is_listening(folder, NAME)


@pytest.mark.parametrize("where", ["folder", "folder/none"])
def test_nobody_listens_where_there_is_nothing(tmp_path: Path, where: str):
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError, match="No such file or directory"):
        connect(tmp_path / where, NAME)
    assert not is_listening(tmp_path / where, NAME)
