"""``sipwright ban``."""


def test_bans_are_made_listed_and_removed(command):
    assert command.ok("ban", "add", "198.51.100.7", "--for", "12h", "--reason", "calls at night") == (
        "banned 198.51.100.7\n"
    )
    command.ok("ban", "add", "198.51.101.0/24")
    second, first = command.json("ban", "list")

    assert (first["address"], first["reason"], first["by"]) == ("198.51.100.7", "calls at night", "admin")
    assert first["until"] - first["since"] == 12 * 3600
    assert (second["address"], second["until"]) == ("198.51.101.0/24", None)
    assert "for ever" in command.ok("ban", "list")

    command.ok("ban", "remove", "198.51.100.7")
    command.ok("ban", "remove", "198.51.101.0/24")
    assert command.json("ban", "list") == []


def test_what_cannot_be_banned_is_told(command):
    assert "neither an address nor a network" in command.fails("ban", "add", "nobody")
    assert "is not banned" in command.fails("ban", "remove", "192.0.2.1")
    assert "is not an age" in command.fails("ban", "add", "192.0.2.1", "--for", "soon")
