"""The clock that nobody can set: what is stored by it means the same to the next process."""

import pytest

from sipwright.steady_clock import SteadyClock


class Machine:
    """A machine whose clock can be set."""

    def __init__(self):
        self.monotonic, self.unix_time = 100.0, 1_000_000.0

    def clock(self, offset=None):
        return SteadyClock(offset, monotonic=lambda: self.monotonic, unix_time=lambda: self.unix_time)

    def run(self, seconds):
        self.monotonic += seconds
        self.unix_time += seconds


@pytest.mark.parametrize("step", [-1e6, -3600.0, 3600.0, 1e9])
def test_a_step_of_the_machines_clock_does_not_move_it(step):
    machine = Machine()
    clock = machine.clock()
    machine.unix_time += step
    machine.run(10.0)

    assert clock() == 1_000_010.0
    assert clock.ahead() == pytest.approx(step)


def test_a_step_is_told_once_and_slewing_never():
    machine = Machine()
    clock = machine.clock()
    machine.unix_time += 0.5
    slewed = clock.step()
    machine.unix_time -= 3600.0

    assert (slewed, clock.step(), clock.step()) == (0.0, -3600.0, 0.0)


def test_the_next_process_of_the_same_boot_counts_on(tmp_path):
    path = tmp_path / "clock"
    kept = SteadyClock(12_345.0)
    kept.keep(path)

    assert SteadyClock.found(path).offset == 12_345.0


@pytest.mark.parametrize("text", ["", "[]", '{"boot": "another", "offset": 5}', '{"offset": 5}'])
def test_what_is_not_of_this_boot_counts_for_nothing(tmp_path, text):
    path = tmp_path / "clock"
    path.write_text(text)

    assert abs(SteadyClock.found(path).ahead()) < 1.0
