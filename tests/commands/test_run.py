"""``sipwright run``: what keeps it from starting."""

from __future__ import annotations

import errno
import os

import pytest

from sipwright.commands.run import explain, hold
from sipwright.config import Settings


def test_a_second_switch_on_one_data_folder_is_refused_until_the_first_has_ended(command):
    first = hold(command.folder)
    assert f"running already with the data folder {command.folder}" in command.fails("run")

    os.close(first)
    os.close(hold(command.folder))


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EADDRINUSE, "is another switch running?"),
        (errno.EADDRNOTAVAIL, "this machine has no such address"),
        (errno.EACCES, "for root only"),
    ],
)
def test_an_address_that_cannot_be_had_is_explained(number, advice):
    said = explain(OSError(number, os.strerror(number)), Settings())

    assert said.startswith(f"cannot listen on 0.0.0.0:5060: {os.strerror(number)}; ")
    assert advice in said
