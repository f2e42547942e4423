"""Accounts, as people see and change them."""

import pytest
from sqlalchemy import select

from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.store.schema.people_tables import audit
from sipwright.usecases import watching
from sipwright.usecases.errors import Changed, Conflict, Invalid, NotFound
from sipwright.usecases.messages_waiting import MessagesWaiting


async def test_an_account_is_made_shown_changed_and_removed(usecases, switch, carol):
    made = await usecases.accounts.create(carol, AccountSpec("alice", "Cq7-frosty"))

    assert (made.account, made.user, made.enabled, made.bindings) == ("alice@example.org", "carol", True, 0)
    assert switch.asked == [("changes.apply", {})]
    shown = await usecases.accounts.get(carol, "alice")
    assert shown.account == made
    assert [(way.transport, way.port, way.username) for way in shown.phone] == [
        ("udp", 5060, "alice"),
        ("tcp", 5060, "alice"),
    ]
    changed = await usecases.accounts.change(
        carol, "alice", AccountChange(most_calls=3), if_match=f'"{made.etag}"'
    )
    assert changed.most_calls == 3
    with pytest.raises(Changed) as caught:
        await usecases.accounts.remove(carol, "alice", if_match=made.etag)
    assert caught.value.etag == changed.etag
    await usecases.accounts.remove(carol, "alice", if_match=changed.etag)
    with pytest.raises(NotFound):
        await usecases.accounts.get(carol, "alice")


async def test_each_change_leaves_a_row_without_secrets(usecases, carol):
    await usecases.accounts.create(carol, AccountSpec("alice", "Cq7-frosty"))
    await usecases.accounts.change(carol, "alice", AccountChange(password="Xk2-lantern"))
    await usecases.accounts.remove(carol, "alice")

    def read(connection):
        return connection.execute(select(audit).order_by(audit.c.id)).all()

    rows = await usecases.ground.read(read)
    assert [(row.user, row.face, row.action, row.subject) for row in rows] == [
        ("carol", "rest", "accounts.create", "alice@example.org"),
        ("carol", "rest", "accounts.change", "alice@example.org"),
        ("carol", "rest", "accounts.remove", "alice@example.org"),
    ]
    assert not any("frosty" in str(row) or "lantern" in str(row) for row in rows)
    assert rows[1].after == '{"credentials": "others"}'


async def test_what_is_wrong_is_told_at_its_field(usecases, carol):
    cases = [
        (AccountSpec("a b", "secret"), None, "name"),
        (AccountSpec("alice", ""), None, "password"),
        (AccountSpec("alice", "secret", out_plan="gone"), None, "out_plan"),
        (AccountSpec("alice", "secret", in_plan="gone"), None, "in_plan"),
        (AccountSpec("alice", "secret", algorithm="ROT13"), None, "algorithm"),
        (AccountSpec("alice", "secret"), "elsewhere.example", "domain"),
    ]
    for spec, domain, field in cases:
        with pytest.raises(Invalid) as caught:
            await usecases.accounts.create(carol, spec, domain)
        assert [one.field for one in caught.value.fields] == [field]


async def test_a_name_that_is_taken_is_a_conflict(usecases, carol):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))

    with pytest.raises(Conflict):
        await usecases.accounts.create(carol, AccountSpec("alice", "secret"))


async def test_what_is_anothers_is_as_if_it_were_not_there(usecases, admin, carol, dave):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))

    said = []
    for name in ("alice", "nobody"):
        for work in (
            usecases.accounts.get(dave, name),
            usecases.accounts.change(dave, name, AccountChange(most_calls=1)),
            usecases.accounts.remove(dave, name),
        ):
            with pytest.raises(NotFound) as caught:
                await work
            said.append(str(caught.value).replace(name, "NAME"))
    assert len(set(said)) == 1
    assert (await usecases.accounts.list(dave)).items == ()
    with pytest.raises(NotFound):
        await usecases.accounts.list(dave, user="carol")
    assert [one.account for one in await usecases.accounts.list(admin)] == ["alice@example.org"]


async def test_only_an_admin_allows_more_calls_than_the_settings(usecases, admin, carol):
    await usecases.accounts.create(carol, AccountSpec("alice", "secret"))

    with pytest.raises(Invalid):
        await usecases.accounts.change(carol, "alice", AccountChange(most_calls=501))
    assert (await usecases.accounts.change(admin, "alice", AccountChange(most_calls=501))).most_calls == 501


async def test_accounts_come_a_page_at_a_time_and_can_be_searched(usecases, admin, carol):
    for name in ("dora", "alice", "bob", "carl"):
        await usecases.accounts.create(carol, AccountSpec(name, "secret"))
    await usecases.accounts.create(admin, AccountSpec("zoe", "secret"))

    seen, cursor = [], None
    while True:
        page = await usecases.accounts.list(admin, limit=2, cursor=cursor)
        seen.append([one.name for one in page])
        if (cursor := page.next) is None:
            break
    assert seen == [["alice", "bob"], ["carl", "dora"], ["zoe"]]
    found = await usecases.accounts.list(admin, q="CAR")  # the owner's name counts, too
    assert [one.name for one in found] == ["alice", "bob", "carl", "dora"]
    assert [one.name for one in await usecases.accounts.list(carol, q="ar")] == [
        "alice",
        "bob",
        "carl",
        "dora",
    ]
    assert [one.name for one in await usecases.accounts.list(admin, q="%")] == []


async def test_who_watches_an_account_is_said_all_at_once(usecases, carol, dave):
    for name in ("carol", "bob"):
        await usecases.accounts.create(carol, AccountSpec(name, "secret"))
    assert (await usecases.accounts.get(carol, "bob")).account.watched_by == {"owner": "parties"}

    said = {"anyone": "lamp", "carol": "parties"}
    assert await usecases.accounts.set_watched_by(carol, "bob", said) == {
        "anyone": "lamp",
        "carol@example.org": "parties",
    }
    before = (await usecases.accounts.get(carol, "bob")).account
    assert before.watched_by == {"anyone": "lamp", "carol@example.org": "parties"}
    assert await usecases.accounts.set_watched_by(carol, "bob", {}) == {}
    assert (await usecases.accounts.get(carol, "bob")).account.etag != before.etag

    for wrong in ({"anyone": "everything"}, {"nobody-here": "lamp"}):
        with pytest.raises(Invalid) as told:
            await usecases.accounts.set_watched_by(carol, "bob", wrong)
        assert [one.field for one in told.value.fields] == ["watched_by"]
    with pytest.raises(NotFound):
        await usecases.accounts.set_watched_by(dave, "bob", {"anyone": "parties"})


async def test_an_account_is_a_list_of_others_in_their_order(usecases, carol, dave):
    for name in ("office", "alice", "bob"):
        await usecases.accounts.create(carol, AccountSpec(name, "secret"))
    before = (await usecases.accounts.get(carol, "office")).account
    whole = ["bob@example.org", "alice@example.org"]

    assert await usecases.accounts.set_members(carol, "office", ["bob", "alice@example.org", "bob"]) == whole
    after = (await usecases.accounts.get(carol, "office")).account
    assert (before.members, after.members, after.etag != before.etag) == ([], whole, True)
    with pytest.raises(NotFound):
        await usecases.accounts.set_members(dave, "office", [])
    assert await usecases.accounts.set_members(carol, "office", []) == []


@pytest.mark.parametrize("wrong", [["nobody-here"], ["office"], ["list"], ["alice"]])
async def test_what_can_be_no_member_is_said_so(usecases, carol, wrong, monkeypatch):
    """A list has no lists in it, and fits into a datagram."""
    monkeypatch.setattr(watching, "LONGEST", 20)
    for name in ("office", "list", "alice", "bob"):
        await usecases.accounts.create(carol, AccountSpec(name, "secret"))
    await usecases.accounts.set_members(carol, "list", ["alice"])
    with pytest.raises(Invalid) as told:
        await usecases.accounts.set_members(carol, "office", ["bob", *wrong])

    assert [one.field for one in told.value.fields] == ["members"]


async def test_messages_that_wait_are_shown_while_no_switch_runs(usecases, carol, dave):
    await usecases.accounts.create(carol, AccountSpec("bob", "secret"))
    assert (await usecases.accounts.get(carol, "bob")).messages == MessagesWaiting(0, 0, 0)
    assert await usecases.accounts.set_messages(carol, "bob", 3, 1, urgent=2) == "bob@example.org"
    assert (await usecases.accounts.get(carol, "bob")).messages == MessagesWaiting(3, 1, 2)
    await usecases.accounts.set_messages(carol, "bob", 0)
    assert (await usecases.accounts.get(carol, "bob")).messages == MessagesWaiting(0, 0, 0)

    with pytest.raises(Invalid) as told:
        await usecases.accounts.set_messages(carol, "bob", 1_000_000)
    assert [one.field for one in told.value.fields] == ["new"]
    with pytest.raises(NotFound):
        await usecases.accounts.set_messages(dave, "bob", 1)
