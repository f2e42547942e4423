"""What an operator's tools send to the process."""

import os
import signal


def test_a_hangup_goes_on_in_a_new_log_and_ends_nothing(begin):
    night = begin()
    night.start()
    rotated = night.log.with_name("log.1")
    os.rename(night.log, rotated)
    night.log.touch()

    night.process.send_signal(signal.SIGHUP)
    assert night.register() == [401, 200]
    assert night.end() == 0
    assert "switch stopped" in night.said()
    assert "switch stopped" not in rotated.read_text()
