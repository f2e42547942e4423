"""The event loop of every process of ours."""

import asyncio
import sys

import pytest
import uvloop

from sipwright.event_loop import new_loop


def test_it_is_uvloops():
    loop = new_loop()
    loop.close()

    assert isinstance(loop, uvloop.Loop)


def test_it_is_the_librarys_own_without_uvloop(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)

    loop = new_loop()
    loop.close()

    assert isinstance(loop, asyncio.SelectorEventLoop)
