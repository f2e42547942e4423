"""The status page: graphs of what was measured, and what everybody may see of it."""

import asyncio
import time

import httpx2
import pytest

from folders import data_folder
from sipwright.config import Settings
from sipwright.monitor.rollups.bucket import Bucket
from sipwright.store import Administration
from sipwright.store.schema import watching_tables
from sipwright.usecases import UseCases
from sipwright.usecases.status_history import CountPoint, PartPoint
from sipwright.usecases.visitor import Visitor
from sipwright.web.app import create_app, wrap
from sipwright.web.pages.charts import count_strip, outages, part_strip
from sipwright.web.pages.status import named
from sipwright.web.visitors import COOKIE

DAY_START = 1_000_080.0


def point(number, down=0.0):
    return PartPoint(DAY_START + 240 * number, 2.0, 3.0, down)


def test_a_stretch_of_points_in_which_a_part_was_down_is_one_outage_as_long_as_it_was():
    """Seven minutes that begin in the middle of a point."""
    down = [point(0), point(1, 120.0), point(2, 240.0), point(3, 60.0), point(4), point(5, 30.0)]

    first, second = outages(down, "day")
    assert (first.since, first.until, first.seconds) == (DAY_START + 240 + 120, DAY_START + 720 + 60, 420.0)
    assert second.seconds == 30.0


def test_a_graph_says_in_words_what_it_shows():
    drawn = part_strip(
        "edge of node1", [point(0), point(1, 240.0)], DAY_START + 600, "day", lambda at: f"t{at:.0f}"
    )
    assert (
        "edge of node1: down 1 time, for 4:00 in all, answered in 2.0 ms on average, 3.0 ms at most" in drawn
    )
    assert f"<title>down for 4:00 from t{DAY_START + 240:.0f}</title>" in drawn
    drawn = part_strip("<b>", [], DAY_START, "week", str)
    assert 'aria-label="&lt;b&gt;: nothing is known of the last week"' in drawn

    counted = count_strip("calls", [CountPoint(DAY_START, 2.0, 7.0)], DAY_START + 60, "year")
    assert "calls: at most 7 in the last year" in counted


def test_a_provider_is_called_by_its_own_name():
    assert [named("edge"), named("provider/alice/trunk", "alice"), named("provider/alice/trunk", "bob")] == [
        "edge", "provider trunk", "provider trunk of alice",
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):

    data_folder(tmp_path / "data")
    monkeypatch.setenv("SIPWRIGHT_WEB__PUBLIC_STATUS", "true")
    return tmp_path / "data"


async def _put(folder):
    now = int(time.time()) // 60 * 60
    administration = await Administration.open(f"sqlite:///{folder}/sipwright.db", folder / "sipwright.key")
    rows = []
    for minute in range(60):
        bucket = Bucket(60, now - 60 * minute)
        for part in ("edge", "provider/admin/secret-trunk"):
            for _ in range(6):
                bucket.part(part).note(None if 10 <= minute < 17 else 2.0)
            bucket.part(part).down = bucket.part(part).losses
        rows.append({"span": 60, "at": bucket.at, "node": "node1", "document": bucket.to_document()})
    await administration.database.write(lambda c: c.execute(watching_tables.rollups.insert(), rows))
    await administration.close()


async def test_everybody_sees_the_public_page_and_nobody_s_provider_in_it(folder):
    await _put(folder)
    settings = Settings.load(folder)
    usecases = await UseCases.open(settings)
    app = wrap(create_app(usecases, settings), settings)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        page = await client.get("/status?view=day", headers={"Accept": "text/html"})
        other = await client.get("/status?view=nonsense", headers={"Accept": "text/html"})
        settings.web.public_status = False
        closed = await client.get("/status", headers={"Accept": "text/html"})
    await usecases.close()

    assert (page.status_code, other.status_code, closed.status_code) == (200, 200, 303)
    assert "Switch of node1 does not work." in page.text  # there is none
    assert "<script src" not in page.text
    assert "secret-trunk" not in page.text
    assert page.text.count("<main") == page.text.count("<h1") == 1


async def test_what_is_live_on_a_page_ends_with_the_application(folder):
    """Whoever looked on would find the database closed."""
    settings = Settings.load(folder)
    usecases = await UseCases.open(settings)
    app = create_app(usecases, settings)
    session = await usecases.login.log_in(Visitor("web", "127.0.0.1", "Chromium"), "admin", "password")
    cookies = {"Cookie": f"{COOKIE}={session.token}"}
    async with app.router.lifespan_context(app):
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://test", headers=cookies
        ) as client:
            assert (await client.get("/status")).status_code == 200
        assert live()
    await asyncio.sleep(0)
    await usecases.close()

    assert live() == []


def live():
    """What goes on for pages."""
    return [
        task for task in asyncio.all_tasks() if "Visit._begin" in getattr(task.get_coro(), "__qualname__", "")
    ]


async def test_json_has_what_is_documented(folder):
    settings = Settings.load(folder)
    usecases = await UseCases.open(settings)
    app = wrap(create_app(usecases, settings), settings)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        found = (await client.get("/api/v1/status")).json()
    await usecases.close()

    assert found.keys() == {"at", "up", "wrong", "parts", "counts", "alerts"}
    assert {"part", "node", "up", "milliseconds", "reason", "since"} == found["parts"][0].keys()
