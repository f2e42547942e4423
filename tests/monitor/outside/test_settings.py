"""The file of an outside watcher."""

from datetime import UTC, datetime

import pytest

from sipwright.errors import UserError
from sipwright.monitor.outside.settings import read_settings

WHOLE = """
name = "home"
alerts = ["json://127.0.0.1:1/x"]

[[server]]
name = "sip1"
options = "sip:sip.example.org"
register = "sip:probe@sip.example.org"
call = "sip:echo@sip.example.org"
username = "probe"
password = "secret"
https = "https://pbx.example.org/healthz"
ssh = "pbx.example.org:2222"
srv = "_sip._udp.example.org"
certificate = "pbx.example.org:443"

[[maintenance]]
from = 2026-12-24T22:00:00Z
until = 2026-12-25T06:00:00Z

[[maintenance]]
days = ["sat"]
from = 23:30:00
until = 01:00:00
timezone = "Europe/Dublin"
servers = ["sip1"]
"""


ONE = '[[server]]\nname = "a"\nssh = "h"'


def read(tmp_path, text):
    path = tmp_path / "watch.toml"
    path.write_text(text)
    return read_settings(path)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_whole_file_is_read_and_what_is_left_out_is_as_usual(tmp_path):
    settings = read(tmp_path, WHOLE)

    assert (settings.every, settings.losses, settings.again) == (5.0, 10, 3600.0)
    assert settings.server[0].register_ == "sip:probe@sip.example.org"


@pytest.mark.parametrize(
    ("server", "when", "is_on"),
    [
        ("sip1", "2026-12-24T23:00:00", True),
        ("other", "2026-12-24T23:00:00", True),
        ("sip1", "2026-12-25T06:00:00", False),
        ("sip1", "2026-07-04T22:30:00", True),  # 23:30 in Dublin, a Saturday
        ("sip1", "2026-07-04T23:59:00", True),  # Sunday there, but it began on Saturday
        ("sip1", "2026-07-05T00:00:00", False),
        ("other", "2026-07-04T22:30:00", False),
        ("sip1", "2026-07-03T22:45:00", False),
    ],
)
def test_nobody_is_woken_within_a_window(tmp_path, server, when, is_on):
    assert read(tmp_path, WHOLE).is_maintained(server, at(when)) is is_on


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no .*server"),
        ("x = [", "not TOML"),
        ('[[server]]\nname = "a"', "asks nothing"),
        ('[[server]]\nname = "a"\noption = "x"', "server.0.option is not a setting"),
        ('[[server]]\nname = "a"\ncall = "sip:x@y"', "needs username and password"),
        ('[[server]]\nname = "a"\nhttps = "pbx"', "https is an address"),
        ('[[server]]\nname = "a"\nssh = "h"\n[[server]]\nname = "a"\nssh = "h"', "same name"),
        (f'{ONE}\n[[maintenance]]\nfrom = 10:00:00\nuntil = 11:00:00\ntimezone = "Mars"', "time zone"),
        (f"{ONE}\n[[maintenance]]\nfrom = 10:00:00\nuntil = 2026-01-01T10:00:00", "both"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        read_settings(tmp_path / "none.toml")
