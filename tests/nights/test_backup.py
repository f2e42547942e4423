"""A backup is taken while phones register, the machine is lost, and another one goes on."""

import subprocess
import threading

import pytest

PHONES = 40


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def machine(request, monkeypatch):
    """Let what is done from now on be done on the one machine or on the other, each with a database of its own."""
    if request.param == "sqlite":
        return lambda name: None
    server = request.getfixturevalue("postgres_folder")

    def use(name):
        subprocess.run(["createdb", "-h", str(server), "-U", "postgres", name], check=True)
        monkeypatch.setenv("SIPWRIGHT_DATABASE__URL", f"postgresql://postgres@/{name}?host={server}")

    return use


def test_a_backup_under_load_has_all_that_was_promised_before_it(begin, tmp_path, machine):
    machine("one")
    night = begin()
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("".join(f"p{number},secret\n" for number in range(PHONES)))
    night.command("account", "import", str(accounts))
    night.start()
    registered, over = [], threading.Event()

    def register():
        for number in range(PHONES):
            if over.is_set():
                break
            assert night.register(f"p{number}", call_id=f"load{number}") == [401, 200]
            registered.append(f"p{number}")

    load = threading.Thread(target=register)
    load.start()
    night.wait_until(lambda: len(registered) >= 5)
    before = list(registered)
    file = tmp_path / "night.tar.gz"
    night.command("backup", str(file), "--with-key")
    over.set()
    load.join()
    night.process.kill()
    night.process.wait()

    machine("other")
    other = begin(tmp_path / "other")
    other.command("restore", str(file), "--force")
    other.start()
    known = other.command("bindings", "--json")
    assert [name for name in before if f'"{name}@example.org"' not in known] == []
    assert other.register(before[0]) == [401, 200]
    assert "damaged" not in other.said()
