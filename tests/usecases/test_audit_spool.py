"""The spool of the audit: rows wait on disk, each until it is written, and are written once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sipwright.store.admin import audit
from sipwright.usecases import Actor, UseCases, audit_spool
from sipwright.usecases.audit_spool import AuditSpool
from sipwright.usecases.trail import Noted

HELLO = {"to": "bob", "password": "secret", "inside": {"token": "secret", "letters": 5}}


@pytest.fixture
def spool(tmp_path: Path) -> AuditSpool:
    return AuditSpool(tmp_path)


def noted(actor: Actor, subject: str = "c1") -> Noted:
    return Noted.of(actor, "calls.place", subject, None, HELLO)


def test_rows_wait_in_their_order_as_they_were_without_secrets(spool: AuditSpool, admin: Actor):
    rows = [noted(admin, f"c{number}") for number in range(12)]
    paths = [spool.put(row) for row in rows]

    found = AuditSpool(spool._folder.parent).waiting()
    assert [(path, row.at, row.who, row.subject) for path, row in found] == [
        (path, row.at, row.who, row.subject) for path, row in zip(paths, rows, strict=True)
    ]
    assert {json.dumps(row.after) for _, row in found} == {'{"to": "bob", "inside": {"letters": 5}}'}
    assert {path.stat().st_mode & 0o777 for path, _ in found} == {0o600}


def test_a_row_that_is_taken_away_waits_no_more(spool: AuditSpool, admin: Actor):
    assert not spool.is_used()
    path = spool.put(noted(admin))
    assert spool.is_used()
    spool.take_away(path)
    spool.take_away(path)

    assert not spool.is_used()
    assert spool.waiting() == []


def test_a_file_that_is_no_row_is_put_aside(spool: AuditSpool, admin: Actor):
    for text in ("", "[]", "{}", '{"at": "x"}'):
        path = spool.put(noted(admin))
        assert path is not None
        path.write_text(text)
    good = spool.put(noted(admin, "good"))

    with capture_logs() as lines:
        assert [path for path, _ in spool.waiting()] == [good]
    assert len(lines) == 4
    assert [path for path, _ in spool.waiting()] == [good]


def test_rows_are_written_by_one_or_by_those_who_have_put_them(spool: AuditSpool, admin: Actor):
    spool.put(noted(admin))
    with spool.held(alone=False) as first, spool.held(alone=False) as second, spool.held(alone=True) as third:
        assert (first, second, third) == (True, True, False)
    with spool.held(alone=True) as first, spool.held(alone=False) as second:
        assert (first, second) == (True, False)


def test_what_waits_is_bounded(spool: AuditSpool, admin: Actor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_spool, "MOST", 2)

    with capture_logs() as lines:
        assert [spool.put(noted(admin)) is not None for _ in range(3)] == [True, True, False]
    assert len(lines) == 1


async def test_a_row_whose_writer_was_killed_just_after_is_written_once(usecases: UseCases, admin: Actor):
    row = noted(admin)
    usecases.ground._spool.put(row)
    await usecases.ground.keep(row.write)

    assert await usecases.ground.record_what_waits()
    assert [one.subject for one in await usecases.ground.read(lambda c: audit.page(c, 10))] == ["c1"]
    assert not usecases.ground._spool.is_used()
