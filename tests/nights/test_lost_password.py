"""The password of one account, and that of one provider, cannot be decrypted: everything else goes on."""

import sqlite3


def damage(night, table, **columns):
    with sqlite3.connect(night.folder / "sipwright.db", timeout=60.0) as database:
        for column, name in columns.items():
            database.execute(f"UPDATE {table} SET {column} = randomblob(60) WHERE {name}")
    database.close()


def test_what_cannot_be_decrypted_is_named_and_all_else_goes_on(begin):
    night = begin()
    night.command("account", "add", "bob", "--password", "secret")
    night.command(
        "provider",
        "add",
        "trunk",
        "--server",
        "127.0.0.1:9",
        "--username",
        "u",
        "--password",
        "p",
        "--register",
    )
    alice = "username = 'alice'"
    damage(night, "accounts", ha1_md5=alice, ha1_sha256=alice, ha1_sha512_256=alice)
    damage(night, "providers", password="name = 'trunk'")

    night.start()
    assert night.register("bob") == [401, 200]
    assert night.register("alice") == [401, 500]
    night.wait_for("provider cannot be registered with")
    assert night.ask("OPTIONS", "sip:example.org")[0] == [200]
    said = night.said()
    assert "the password of account alice@example.org cannot be decrypted; set its password again" in said
    assert "Traceback" not in said
    for arguments in (("provider", "list"), ("provider", "show", "trunk"), ("account", "list")):
        assert "cannot be decrypted; set its password again" in night.command(*arguments)
    rotated = night.command("key", "rotate", check=False)
    assert "account alice@example.org, provider trunk of admin cannot be decrypted" in rotated
    assert night.register("bob") == [401, 200]
    assert "no key is forgotten before" in night.command("key", "forget", check=False)

    night.command("account", "set", "alice", "--password", "secret")
    night.command("provider", "set", "trunk", "--password", "p")
    night.command("key", "rotate")
    night.wait_until(lambda: night.register("alice")[-1] == 200)
    assert "cannot be decrypted" not in night.command("account", "list")
    night.command("key", "forget")
    assert night.end() == 0
