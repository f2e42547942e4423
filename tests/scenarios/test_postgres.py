"""The whole switch on PostgreSQL: a call from REGISTER to CDR, before and after a SIGKILL."""

import asyncio
import signal

import asyncpg
import pytest

from interop.harness import RunningSwitch

pytestmark = pytest.mark.peer("postgresql")


@pytest.fixture
def switch(postgres_folder, monkeypatch):
    async def create():
        connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={postgres_folder}")
        await connection.execute("CREATE DATABASE whole")
        await connection.close()

    asyncio.run(create())
    url = f"postgresql://postgres@/whole?host={postgres_folder}"
    monkeypatch.setenv("SIPWRIGHT_DATABASE__URL", url)
    switch = RunningSwitch()
    listen = f'["127.0.0.1:{switch.port}"]'
    settings = f'[sip]\nudp = {listen}\ntcp = {listen}\n[database]\nurl = "{url}"\n'
    (switch.data / "sipwright.toml").write_text(settings)
    yield switch
    switch.close()


def test_calls_run_on_postgresql_and_survive_its_clients_death(switch):
    switch.start()
    first = switch.run_command("call-test")
    switch.stop(signal.SIGKILL)
    switch.start()
    second = switch.run_command("call-test")

    assert "checks ok" in first
    assert "checks ok" in second
    assert switch.new_faults() == []
