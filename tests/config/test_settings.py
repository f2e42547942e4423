"""The settings: defaults, the file, the environment, and errors of one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipwright.config import ConfigError, Settings, listen_address


def load(folder: Path, text: str) -> Settings:
    (folder / "sipwright.toml").write_text(text)
    return Settings.load(folder)


def test_without_a_file_there_are_defaults(tmp_path: Path):
    settings = Settings.load(tmp_path)

    assert settings.sip.addresses("udp") == [("0.0.0.0", 5060)]
    assert settings.sip.addresses("tcp") == [("0.0.0.0", 5060)]
    assert settings.database_url == f"sqlite:///{tmp_path}/sipwright.db"
    assert settings.key_file == tmp_path / "sipwright.key"
    assert settings.data_dir == tmp_path


def test_the_file_is_read(tmp_path: Path):
    settings = load(
        tmp_path,
        '[sip]\nudp = []\ntcp = ["[::1]:5070"]\npublic_address = "203.0.113.7"\n'
        '[database]\nurl = "postgresql://x@h/d"\n',
    )

    assert settings.sip.addresses("udp") == []
    assert settings.sip.addresses("tcp") == [("::1", 5070)]
    assert settings.sip.public_address == "203.0.113.7"
    assert settings.database_url == "postgresql://x@h/d"


def test_the_environment_wins_and_leaves_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", '["127.0.0.1:5070"]')
    monkeypatch.setenv("SIPWRIGHT_DATABASE__URL", "sqlite:////var/lib/x.db")
    settings = load(tmp_path, '[sip]\nudp = ["0.0.0.0:5060"]\ndomains = ["example.org"]\n')

    assert settings.sip.udp == ["127.0.0.1:5070"]
    assert settings.sip.domains == ["example.org"]
    assert settings.database_url == "sqlite:////var/lib/x.db"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sip\n", "sipwright.toml is not TOML"),
        ("[sip]\nupd = []\n", r"\[sip\] upd is not a setting; did you mean udp\?$"),
        ("[spi]\n", r"spi is not a setting; did you mean sip\?$"),
        ("[sip]\nretention = 3\n", "is not a setting; correct its name or remove it$"),
        ("[sip]\npublic_url = 3\n", r"\[sip\] public_url is not a setting; it stands in \[web\]$"),
        ('[sip]\nudp = ["localhost:5060"]\n', r"\[sip\] udp: 'localhost' is not an IP address"),
        ('[sip]\nudp = ["0.0.0.0"]\n', r"\[sip\] udp: .* write HOST:PORT"),
        ('[sip]\nudp = ["::1:5060"]\n', r"write \[::1\]:5060"),
        ('[sip]\nudp = ["0.0.0.0:99999"]\n', "write HOST:PORT"),
        ('[sip]\npublic_address = "here"\n', "'here' is not an IP address"),
        (
            '[sip]\nnetworks = ["lan"]\n',
            r"\[sip\] networks: 'lan' is not a network; write one, such as 10.1.0.0/16",
        ),
        (
            '[sip]\nudp = "0.0.0.0:5060"\n',
            r"\[sip\] udp: Input should be a valid list; write it as udp = .\"0.0.0.0:5060\".$",
        ),
        ('[log]\nlevel = "loud"\n', r"\[log\] level: Input should be 'debug'"),
        ('[retention]\ncdrs = "a year"\n', r"cdrs: this is not a number; write it as cdrs = 365.0$"),
        ("[ssh]\nclients = 2.5\n", r"clients: this is not a whole number; write it as clients = 20$"),
        (
            '[web]\npublic_status = "maybe"\n',
            "this is neither true nor false; write it as public_status = false$",
        ),
        ("[web]\nprefix = 3\n", "prefix: this is not a text in quotes"),
        ("[sip]\nudp = []\ntcp = []\n", "line 1: sip: udp and tcp are both empty"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message) as error:
        load(tmp_path, text)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[sip]\n\n# a comment\nupd = []\n", 4),
        ('[log]\nlevel = "info"\n[sip]\nlevel = 3\n', 4),
        ('[database]\n[log]\n  "level" = "loud"\n', 3),
        ("[sip]\n[spi]\n", 2),
        ("\nspi = 1\n", 2),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, text: str, line: int):
    with pytest.raises(ConfigError, match=rf"sipwright\.toml, line {line}: "):
        load(tmp_path, text)


def test_a_setting_that_is_written_in_an_unusual_way_is_named_without_its_line(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"sipwright\.toml: \[sip\] upd is not a setting"):
        load(tmp_path, "sip = { upd = [] }\n")


def test_the_faces_listen_on_this_machine_alone_or_not_at_all(tmp_path: Path):
    usual, none = load(tmp_path, "[sip]\n"), load(tmp_path, '[web]\nlisten = ""\n[ssh]\nlisten = ""\n')

    assert (usual.web.address, usual.ssh.address) == (("127.0.0.1", 8080), ("127.0.0.1", 2222))
    assert (none.web.address, none.ssh.address) == (None, None)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('certificate = "c.pem"', "key is empty"),
        ('key = "k.pem"', "certificate is empty"),
        ('prefix = "pbx"', "beginning of a path"),
        ('prefix = "/pbx/"', "beginning of a path"),
        ('trusted_proxies = ["proxy"]', "not a network"),
    ],
)
def test_a_setting_of_the_pages_that_cannot_be_is_explained(tmp_path: Path, setting: str, said: str):
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, f"[web]\n{setting}\n")


def test_how_long_things_are_kept(tmp_path: Path):
    kept = load(tmp_path, "[retention]\ncdrs = 0\n").retention

    assert (kept.cdrs, kept.executions, kept.versions) == (0.0, 30.0, 365.0)
    with pytest.raises(ConfigError, match="executions"):
        load(tmp_path, "[retention]\nexecutions = -1\n")


def test_a_wrong_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIPWRIGHT_LOG__LEVEL", "loud")
    with pytest.raises(ConfigError, match="environment variable SIPWRIGHT_LOG__LEVEL"):
        Settings.load(tmp_path)

    monkeypatch.setenv("SIPWRIGHT_LOG__LEVEL", "info")
    monkeypatch.setenv("SIPWRIGHT_SIP__UDP", "127.0.0.1:5070")
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")  # which is right, and so not named
    with pytest.raises(ConfigError, match=r"not JSON \(SIPWRIGHT_SIP__UDP\)"):
        Settings.load(tmp_path)


def test_a_variable_with_one_underscore_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIPWRIGHT_SIP_UDP", '["127.0.0.1:5070"]')
    with pytest.raises(ConfigError, match="SIPWRIGHT_SIP_UDP has no effect; its name is SIPWRIGHT_SIP__UDP"):
        Settings.load(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path):
    (tmp_path / "sipwright.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot read"):
        Settings.load(tmp_path)


def test_listen_addresses_are_split():
    assert listen_address("[::]:5060") == ("::", 5060)
    assert listen_address("127.0.0.1:0") == ("127.0.0.1", 0)


def test_the_fast_path_of_scripts_is_switched_off_in_the_file_or_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert Settings.load(tmp_path).dialplan.fast_path is True

    (tmp_path / "sipwright.toml").write_text("[dialplan]\nfast_path = false\n")
    assert Settings.load(tmp_path).dialplan.fast_path is False

    monkeypatch.setenv("SIPWRIGHT_DIALPLAN__FAST_PATH", "true")
    assert Settings.load(tmp_path).dialplan.fast_path is True


def test_emergency_numbers_are_written_as_they_are_dialled(tmp_path):
    (tmp_path / "sipwright.toml").write_text('[sip]\nemergency = ["112", "nine"]\n')

    with pytest.raises(ConfigError, match="'nine' is not a number; write it as it is dialled"):
        Settings.load(tmp_path)
