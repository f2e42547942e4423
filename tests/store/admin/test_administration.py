"""What a person changes, on both databases: the values kept, and the sentences that refuse."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from sipwright.sip.digest import ha1
from sipwright.store import (
    AccountChange,
    AccountSpec,
    Administration,
    AlreadyExistsError,
    NotFoundError,
    ProviderChange,
    ProviderSpec,
    Store,
    StoreError,
)
from sipwright.store.admin import sealed, users
from sipwright.store.crypto import KeyRing, forget_old_keys, rotate_key_file
from sipwright.store.schema import tables


async def stored(store: Store, query: Any) -> list[Any]:
    return await store.database.read(lambda c: list(c.execute(query).all()))


# --- accounts ---


async def test_of_a_password_only_encrypted_hashes_are_kept(store: Store):
    account = await store.add_account("alice", "secret")
    (row,) = await stored(store, select(tables.accounts))

    assert account.ha1 == {"MD5": ha1("alice", "example.org", "secret")}
    for column, digest in (("ha1_md5", hashlib.md5), ("ha1_sha256", hashlib.sha256)):
        sealed = bytes(getattr(row, column))
        plain = digest(b"alice:example.org:secret").digest()
        assert plain not in sealed
        assert store.keys.open(sealed, f"accounts:{column}:alice@example.org") == plain
    assert b"secret" not in repr(row).encode()
    assert "sealed" not in repr(account)


async def test_an_account_can_be_changed_piece_by_piece(store: Store):
    await store.set_dialplan(None, "main", "respond(486)")
    await store.add_account("alice", "secret", in_plan="main")
    changed = await store.change_account(
        "alice", AccountChange(password="other", out_plan="main", in_plan="", is_enabled=False)
    )
    assert changed.ha1 == {"MD5": ha1("alice", "example.org", "other")}
    assert (changed.out_plan is None, changed.in_plan, changed.is_enabled) == (False, None, False)

    changed = await store.change_account("alice@example.org", AccountChange(algorithm="sha-256"))
    assert changed.ha1 == {"SHA-256": ha1("alice", "example.org", "other", "SHA-256")}
    assert (await store.change_account("alice", AccountChange(algorithm=""))).algorithm == "MD5"
    assert await store.change_account("alice", AccountChange()) == await store.find_account("alice")


async def test_accounts_are_listed_by_owner(store: Store):
    await store.add_user("carol", "password")
    await store.add_account("alice", "secret")
    await store.add_account("1001", "secret", user="carol")

    assert [account.username for account in await store.list_accounts()] == ["alice", "1001"]
    assert [account.username for account in await store.list_accounts("carol")] == ["1001"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "alice"}, "there is an account alice@example.org already"),
        ({"name": "a b"}, "cannot be an account name"),
        ({"name": ""}, "cannot be an account name"),
        ({"name": "bob@example.net"}, "'sipwright domain add example.net'"),
        ({"name": "bob@example.org", "domain": "example.net"}, "names another domain"),
        ({"name": "bob", "password": ""}, "is empty"),
        ({"name": "bob", "password": "a\nb"}, "control characters"),
        ({"name": "bob", "user": "nobody"}, "there is no user 'nobody'"),
        ({"name": "bob", "out_plan": "none"}, "'sipwright dialplan set none FILE'"),
        ({"name": "bob", "algorithm": "SHA-1"}, "use one of MD5, SHA-256, SHA-512-256"),
    ],
)
async def test_an_account_that_cannot_be_added_says_why(
    store: Store, arguments: dict[str, str], message: str
):
    await store.add_account("alice", "secret")
    arguments = {"password": "secret", **arguments}
    name, password = arguments.pop("name"), arguments.pop("password")

    with pytest.raises(StoreError, match=message):
        await store.add_account(name, password, **arguments)
    assert len(await store.list_accounts()) == 1


async def test_a_removed_account_is_gone_with_its_bindings(store: Store):
    account = await store.add_account("alice", "secret")
    row = (account.id, "c", 1.0, "udp/x", None, "call", 1, 2e9, None, None, None, 1e9)
    store.writer.put("binding", (account.id, "c"), row)
    await store.writer.drain()
    await store.remove_account("alice")

    assert await stored(store, select(tables.bindings)) == []
    with pytest.raises(NotFoundError, match="'sipwright account list'"):
        await store.find_account("alice")


# --- importing ---


async def test_an_import_adds_and_changes(store: Store):
    await store.add_user("carol", "password")
    await store.set_dialplan("carol", "main", "respond(486)")
    await store.add_account("alice", "old")
    steps: list[tuple[int, int]] = []
    result = await store.import_accounts(
        [
            AccountSpec("alice", "new", line=1),
            AccountSpec("1001@EXAMPLE.org", "secret", "carol", "main", "main", line=2),
        ],
        progress=lambda done, total: steps.append((done, total)),
    )
    assert (result.added, result.changed, steps) == (1, 1, [(2, 2)])

    accounts = {account.username: account for account in await store.list_accounts()}
    carol = await store.find_user("carol")
    assert accounts["alice"].ha1 == {"MD5": ha1("alice", "example.org", "new")}
    assert (accounts["1001"].user_id, accounts["1001"].out_plan is None) == (carol.id, False)


async def test_changed_accounts_far_apart_are_announced_apart(store: Store):
    await store.import_accounts([AccountSpec(f"u{number}", "p") for number in range(300)])
    await store.catch_up()
    await store.import_accounts([AccountSpec("u0", "q"), AccountSpec("u299", "q")])

    assert [change.last_id - change.first_id for change in await store.catch_up()] == [0, 0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (AccountSpec("a b", "p", line=7), "line 7: 'a b' cannot be an account name"),
        (AccountSpec("bob@example.net", "p", line=7), "line 7: the SIP domain 'example.net' is not served"),
        (AccountSpec("bob", "", line=7), "line 7: the password is empty"),
        (AccountSpec("bob", "p", "nobody", line=7), "line 7: there is no user 'nobody'"),
        (AccountSpec("bob", "p", None, "none", line=7), "line 7: user 'admin' has no dialplan 'none'"),
        (AccountSpec("alice", "p", line=7), "line 7: alice is in line 1 too"),
    ],
)
async def test_one_wrong_line_refuses_the_whole_import(store: Store, spec: AccountSpec, message: str):
    with pytest.raises(StoreError, match=rf"{message}.*nothing was imported"):
        await store.import_accounts([AccountSpec("alice", "p", line=1), spec])

    assert await store.list_accounts() == []


# --- users and domains ---


async def test_a_user_is_added_with_a_hash_and_can_change_it(store: Store):
    carol = await store.add_user("carol", "first", timezone="Europe/Dublin")
    assert (carol.role, carol.timezone) == ("user", "Europe/Dublin")
    await store.set_user_password("carol", "second")
    query = select(tables.users.c.password_hash).where(tables.users.c.name == "carol")
    ((password_hash,),) = await stored(store, query)

    assert password_hash.startswith("$argon2id$")
    assert users.check_password(password_hash, "second")
    assert not users.check_password(password_hash, "first")
    assert not users.check_password("no hash", "first")


async def test_users_that_cannot_be_added_or_removed_say_why(store: Store):
    await store.database.write(lambda c: users.add(c, "carol", "no hash"))
    for name, role, timezone, message in (
        ("carol", "user", "UTC", "there is a user 'carol' already"),
        ("c d", "user", "UTC", "cannot be a user name"),
        ("dave", "root", "UTC", "is not a role"),
        ("dave", "user", "Mars/Olympus", "is not a time zone"),
    ):
        with pytest.raises(StoreError, match=message):
            await store.database.write(lambda c, n=name, r=role, t=timezone: users.add(c, n, "no hash", r, t))

    await store.add_account("alice", "secret", user="carol")
    with pytest.raises(StoreError, match="still owns 1 accounts"):
        await store.remove_user("carol")
    await store.remove_account("alice")
    await store.remove_user("carol")
    with pytest.raises(StoreError, match="is the last admin"):
        await store.remove_user("admin")
    with pytest.raises(NotFoundError, match="'sipwright user list'"):
        await store.find_user("carol")
    assert [user.name for user in await store.list_users()] == ["admin"]


async def test_without_an_admin_or_a_domain_init_is_asked_for(url: str, key_file: Path):
    store = await Administration.open(url, key_file, migrate=True)
    with pytest.raises(NotFoundError, match="run 'sipwright init'"):
        await store.find_user()
    with pytest.raises(NotFoundError, match="run 'sipwright init --domain D'"):
        await store.find_account("alice")
    await store.close()


async def test_domains_are_added_changed_and_removed(store: Store):
    await store.ensure_domains(["Example.NET", "example.org", "2001:db8::1"])
    assert [domain.name for domain in await store.list_domains()] == [
        "example.org",
        "example.net",
        "2001:db8::1",
    ]
    changed = await store.change_domain("EXAMPLE.net", default=True, algorithm="sha-256")
    assert (changed.is_default, changed.digest_algorithm) == (True, "SHA-256")
    assert (await store.list_domains())[0].name == "example.net"

    await store.add_account("alice@example.org", "secret")
    for name, message in (
        ("example.org", "still has 1 accounts"),
        ("example.net", "is the default domain"),
        ("nowhere.example", "is not served here"),
    ):
        with pytest.raises(StoreError, match=message):
            await store.remove_domain(name)
    assert (await store.remove_domain("2001:db8::1")).name == "2001:db8::1"


@pytest.mark.parametrize("name", ["", "a b", "-x.example", "x..example", "a" * 254, "sip:example.org"])
async def test_a_name_that_is_no_domain_is_refused(store: Store, name: str):
    with pytest.raises(StoreError, match="cannot be a SIP domain"):
        await store.ensure_domains([name])


# --- dialplans ---


async def test_each_new_text_is_a_version_and_the_newest_is_live(store: Store):
    assert [await store.set_dialplan(None, "main", source) for source in ("a", "b", "b", "a")] == [1, 2, 2, 3]
    plan = await store.find_dialplan("main")
    assert (plan.version, plan.source) == (3, "a")
    assert (await store.find_dialplan("main", version=2)).source == "b"
    assert [one.is_live for one in await store.list_dialplan_versions(plan)] == [False, False, True]
    with pytest.raises(NotFoundError, match="has no version 4"):
        await store.find_dialplan("main", version=4)


async def test_dialplans_belong_to_users(store: Store):
    await store.database.write(lambda c: users.add(c, "carol", "no hash"))
    await store.set_dialplan(None, "main", "a")
    await store.set_dialplan("carol", "main", "c")

    assert (await store.find_dialplan("main", "carol")).source == "c"
    assert [plan.source for plan in await store.list_dialplans()] == ["a", "c"]
    assert [plan.source for plan in await store.list_dialplans("carol")] == ["c"]
    with pytest.raises(StoreError, match="cannot be a dialplan name"):
        await store.set_dialplan(None, "no/slash", "a")


async def test_a_dialplan_in_use_stays(store: Store):
    await store.set_dialplan(None, "main", "a")
    await store.add_account("alice", "secret", out_plan="main")
    with pytest.raises(StoreError, match="account 'alice' runs dialplan 'main'"):
        await store.remove_dialplan("main")

    await store.change_account("alice", AccountChange(out_plan=""))
    await store.remove_dialplan("main")
    with pytest.raises(NotFoundError, match="'sipwright dialplan list'"):
        await store.find_dialplan("main")
    assert await stored(store, select(tables.dialplan_versions)) == []


# --- providers ---


async def test_a_provider_password_is_encrypted_and_comes_back(store: Store):
    added = await store.add_provider(
        ProviderSpec("BlueFace", "sip.b.example:5062", "u", "pä55", register=True, realm="b")
    )
    found = await store.find_provider("blueFACE")
    assert found == added
    assert (found.name, found.password, found.register, found.realm) == ("blueface", "pä55", True, "b")
    ((sealed,),) = await stored(store, select(tables.providers.c.password))
    assert "pä55".encode() not in bytes(sealed)

    assert [one.name for one in await store.list_providers("admin")] == ["blueface"]
    await store.remove_provider("blueface")
    assert await store.list_providers() == []


async def test_what_is_given_of_a_provider_changes_and_nothing_else(store: Store):
    """An empty text takes away what may be missing."""
    spec = ProviderSpec("b", "s", "u", "p", auth_username="a", realm="r", outbound_proxy="sip:proxy.example")
    before = await store.add_provider(spec)
    change = ProviderChange(password="new", realm="", outbound_proxy="", is_enabled=False)
    changed = await store.change_provider("b", change)

    assert changed.password == "new"
    assert (changed.realm, changed.outbound_proxy, changed.is_enabled) == (None, None, False)
    assert (changed.server, changed.username, changed.auth_username) == ("s", "u", "a")
    assert await store.change_provider("b", ProviderChange()) == changed
    assert (before.name, before.id) == (changed.name, changed.id)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (ProviderChange(server=""), "cannot be the provider's server"),
        (ProviderChange(username=""), "cannot be the provider's username"),
        (ProviderChange(outbound_proxy="a b"), "cannot be the provider's proxy"),
        (ProviderChange(password=""), "the password is empty"),
    ],
)
async def test_a_provider_that_cannot_be_changed_says_why(store: Store, change: ProviderChange, message: str):
    before = await store.add_provider(ProviderSpec("b", "s", "u", "p"))

    with pytest.raises(StoreError, match=message):
        await store.change_provider("b", change)
    assert await store.find_provider("b") == before


@pytest.mark.parametrize(
    ("name", "server", "message"),
    [
        ("local", "s", "means this switch"),
        ("a.b", "s", "is a host in dial strings"),
        ("a b", "s", "cannot be a provider name"),
        ("blueface", "s", "has a provider 'blueface' already"),
        ("other", "s t", "cannot be the provider's server"),
        ("other", "", "cannot be the provider's server"),
    ],
)
async def test_a_provider_that_cannot_be_added_says_why(store: Store, name: str, server: str, message: str):
    await store.add_provider(ProviderSpec("blueface", "s", "u", "p"))

    with pytest.raises(StoreError, match=message):
        await store.add_provider(ProviderSpec(name, server, "u", "p"))
    with pytest.raises(NotFoundError, match="'sipwright provider list'"):
        await store.find_provider("other")


# --- listings ---


async def test_bindings_are_listed_by_account_until_they_expire(store: Store):
    alice = await store.add_account("alice", "secret")
    bob = await store.add_account("bob", "secret")
    for account, expires_at in ((bob, 4e9), (alice, 4e9), (alice, 1.0)):
        contact = f"sip:{account.username}@{expires_at}"
        row = (account.id, contact, None, "udp/x", None, "c", 1, expires_at, "UA", None, None, 1e9)
        store.writer.put("binding", (account.id, contact), row)
    await store.writer.drain()

    every = ["alice@example.org", "bob@example.org"]
    assert [row["account"] for row in await store.list_bindings()] == every
    assert [row["account"] for row in await store.list_bindings("admin")] == every
    assert [row["account"] for row in await store.list_bindings(account="bob")] == every[1:]
    assert [row["account"] for row in await store.list_bindings(account="bob@Example.org")] == every[1:]
    assert await store.list_bindings(account="bob@example.net") == []


async def test_calls_and_cdrs_are_listed(store: Store):
    alice = await store.add_account("alice", "secret")
    for number, user_id in ((1, alice.user_id), (2, 99)):
        at = 1e9 + number
        call = (f"c{number}", "n", user_id, alice.id, "out", "RINGING", "a", "b", at, None, b"{}")
        store.writer.put("call", f"c{number}", call)
        head = (f"c{number}", 0, "out", alice.id, user_id, "sip:a@x", "sip:b@x", "b", "main", 1, at)
        store.writer.put("cdr", (f"c{number}", 0), (*head, None, None, at, 486, "Busy", "callee", "x", None))
    await store.writer.drain()

    assert [row["id"] for row in await store.list_calls()] == ["c1", "c2"]
    assert [row["id"] for row in await store.list_calls("admin")] == ["c1"]
    assert [row["call_id"] for row in await store.list_cdrs()] == ["c2", "c1"]
    assert [row["call_id"] for row in await store.list_cdrs(limit=1)] == ["c2"]
    assert [row["call_id"] for row in await store.list_cdrs(since=1e9 + 1.5)] == ["c2"]
    (row,) = await store.list_cdrs("admin")
    assert (row["account"], row["user"], row["status"]) == ("alice@example.org", "admin", 486)


# --- secrets and keys ---


async def test_a_secret_is_made_once_and_shared(url: str, store: Store, key_file: Path):
    secret = await store.secret("nonce")
    other = await Administration.open(url, key_file)

    assert len(secret) == 32
    assert await other.secret("nonce") == secret
    assert await other.secret("other", 16) != secret[:16]
    await other.close()


async def test_a_rotation_goes_a_little_at_a_time_and_tells_how_far_it_is(
    url: str, store: Store, key_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sealed, "AT_ONCE", 2)
    for number in range(4):
        await store.add_account(f"phone{number}", "secret")
    rotate_key_file(key_file)
    rotated = await Administration.open(url, key_file)
    told: list[tuple[int, int]] = []

    assert await rotated.reseal(lambda done, total: told.append((done, total))) == 12
    assert told[:6] == [(2, 12), (4, 12), (4, 12), (6, 12), (8, 12), (8, 12)]
    assert told[-1] == (12, 12)
    assert await rotated.reseal() == 0
    await rotated.close()


async def test_after_a_rotation_everything_opens_with_the_new_key_alone(
    url: str, store: Store, key_file: Path
):
    account = await store.add_account("alice", "secret")
    await store.add_provider(ProviderSpec("blueface", "s", "u", "p"))
    secret = await store.secret("nonce")
    rotate_key_file(key_file)
    rotated = await Administration.open(url, key_file)
    assert await rotated.reseal() == 5
    assert await rotated.reseal() == 0
    await rotated.close()
    forget_old_keys(key_file)
    reopened = await Administration.open(url, key_file)

    assert (await reopened.find_account("alice")).ha1 == account.ha1
    assert (await reopened.find_provider("blueface")).password == "p"
    assert await reopened.secret("nonce") == secret
    await reopened.close()

    # The running node still holds values of the old key, and gets new ones.
    await store.catch_up()
    running = store.directory.account("alice", "example.org")
    assert running is not None
    assert running.ha1 == account.ha1
    assert (await store.find_account("alice")).ha1 == account.ha1


# --- opening ---


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "is not a database URL"),
        ("mysql://u@h/d", "mysql:// is not supported yet"),
        ("sqlite://", "in-memory"),
        ("sqlite:////no/such/folder/x.db", "there is no folder /no/such/folder"),
    ],
)
async def test_a_wrong_database_url_is_refused(url: str, message: str, key_file: Path):
    with pytest.raises(StoreError, match=message):
        await Store.open(url, key_file)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, key_file: Path):
    (tmp_path / "x.db").write_bytes(b"this is not a database, whatever its name says" * 100)

    with pytest.raises(StoreError, match=r"x\.db does not work: file is not a database"):
        await Store.open(f"sqlite:///{tmp_path}/x.db", key_file)


async def test_a_postgres_that_is_not_there_is_an_error(tmp_path: Path, key_file: Path):
    with pytest.raises(StoreError, match=r"does not work: .*"):
        await Store.open(f"postgresql://u:hidden@/d?host={tmp_path}", key_file)
    with pytest.raises(StoreError) as error:
        await Store.open(f"postgresql://u:hidden@/d?host={tmp_path}", key_file)
    assert "hidden" not in str(error.value)


@pytest.mark.peer("postgresql")
async def test_a_postgres_deadlock_is_tried_again(postgres_url: str, key_file: Path):
    store = await Administration.open(postgres_url, key_file, migrate=True)
    attempts = 0

    def work(connection):  # type: ignore[no-untyped-def]
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"))
        return attempts

    assert await store.database.write(work) == 3
    await store.close()


def test_other_databases_than_those_two_have_no_committer():
    from sipwright.store.live.live_store import _committer

    with pytest.raises(AssertionError):
        _committer(object(), "normal")  # type: ignore[arg-type]


def test_the_lazy_package_has_every_name_that_it_promises():
    import sipwright.store

    for name in sipwright.store.__all__:
        assert getattr(sipwright.store, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = sipwright.store.nothing


def test_a_key_ring_needs_a_key():
    with pytest.raises(StoreError, match="holds no key"):
        KeyRing({})


async def test_a_constraint_of_the_database_is_a_typed_error(store: Store):
    await store.add_account("alice", "secret")

    with pytest.raises(AlreadyExistsError):
        await store.add_account("alice", "secret")
