"""The Debian package: what is in it, and that its units and scripts are right."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package of a wheel that is none, from a copy of what it is built of: fetching the right ones takes a minute."""
    top = tmp_path_factory.mktemp("package")
    wheels = top / "wheels"
    wheels.mkdir()
    (wheels / "sipwright-0-py3-none-any.whl").write_bytes(b"")
    for name in ("packaging", "docs"):
        shutil.copytree(TOP / name, top / name)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(TOP / name, top)
    built = subprocess.run(
        ["sh", str(top / "packaging/build-deb.sh"), sys.executable, str(wheels)],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (made,) = (top / "dist").glob("*.deb")
    root = top / "root"
    subprocess.run(["dpkg-deb", "-R", str(made), str(root)], check=True)
    return top, root


def test_it_has_what_it_needs_and_says_what_that_is(package):
    top, root = package

    control = (root / "DEBIAN/control").read_text()
    assert f"python3 (>= {sys.version_info[0]}.{sys.version_info[1]})" in control
    assert "@" not in control.replace("root@localhost", "")
    assert (root / "usr/share/sipwright/wheels/sipwright-0-py3-none-any.whl").exists()
    assert (root / "usr/bin/sipwright").readlink() == Path("/opt/sipwright/bin/sipwright")
    assert (root / "usr/share/doc/sipwright/monitoring/alerts.yml").exists()
    assert "COPY sipwright_" in (top / "dist/Containerfile").read_text()


def test_a_log_in_a_file_is_rotated_where_the_switch_may_open_it_anew(package):
    _, root = package
    rotation = (root / "etc/logrotate.d/sipwright").read_text()

    assert "\n/var/log/sipwright/*.log {\n    create 0640 sipwright sipwright\n" in rotation
    assert "su " not in rotation  # whoever rotates asks systemd, which only root may
    assert "LogsDirectory=sipwright\n" in (root / "lib/systemd/system/sipwright.service").read_text()
    assert "-m 750 /var/log/sipwright\n" in (root / "DEBIAN/postinst").read_text()


def test_its_scripts_are_shell(package):
    _, root = package
    for name in ("postinst", "prerm", "postrm"):
        script = root / "DEBIAN" / name
        assert script.stat().st_mode & 0o111
        subprocess.run(["sh", "-n", str(script)], check=True)


def test_an_upgrade_leaves_the_running_switch_its_release_until_the_database_is_ready_for_the_new_one(
    package,
):
    script = (package[1] / "DEBIAN/postinst").read_text()

    steps = [
        "pip install",
        "mv -T /opt/sipwright.new /opt/sipwright",
        "sipwright init",
        "try-restart",
        'rm -rf "$old"',
    ]
    places = [script.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["sipwright", "sipwright-monitor"])
def test_its_units_are_right_and_ask_for_little(package, name):
    unit = package[1] / f"lib/systemd/system/{name}.service"
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    exposure = said.partition("Overall exposure level")[2].partition(": ")[2].partition(" ")[0]
    assert float(exposure) < 2.0

    text = unit.read_text()
    assert "ExecStart=/opt/sipwright/bin/sipwright" in text
    assert "Watchdog" in text
