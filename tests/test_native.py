"""The native part is used where it is built, and can be switched off."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import pytest

from sipwright import native


@pytest.fixture
def fresh():
    """Import the module anew, and leave it as it was."""
    before = {name: getattr(native, name) for name in native.__all__}
    yield lambda: importlib.reload(native)
    vars(native).update(before)


def test_it_is_switched_off_by_the_environment(fresh, monkeypatch):
    monkeypatch.setenv("SIPWRIGHT_NO_NATIVE", "1")

    assert {getattr(fresh(), name) for name in native.__all__} == {None}


def test_one_of_another_state_is_not_used(fresh, monkeypatch):
    monkeypatch.delenv("SIPWRIGHT_NO_NATIVE", raising=False)
    for form, is_used in ((native.FORM, True), (native.FORM - 1, False)):
        built = SimpleNamespace(FORM=form, read_register=len, take_apart=len)
        monkeypatch.setitem(sys.modules, "sipwright._native", built)
        monkeypatch.setattr("sipwright._native", built, raising=False)

        assert (fresh().read_register is len) == is_used
        assert (native.take_apart is len) == is_used


def test_it_is_used_where_it_is_built(fresh, monkeypatch):
    monkeypatch.delenv("SIPWRIGHT_NO_NATIVE", raising=False)
    pytest.importorskip(
        "sipwright._native", reason="the native part is not built: make clean run, where there is cargo"
    )

    assert None not in {getattr(fresh(), name) for name in native.__all__}
