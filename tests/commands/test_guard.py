"""``sipwright guard`` and ``sipwright provider rates``."""

import sqlite3
import time


def test_destinations_and_limits_are_changed_and_shown(command):
    opened = "admin may call: ordinary numbers, SO, premium"
    assert command.ok("guard", "open", "admin", "premium", "SO") == f"{opened}\n"
    assert command.ok("guard", "close", "admin", "abroad") == f"{opened}, but not abroad\n"
    assert f"{opened.partition(': ')[2]}, but not abroad" in command.ok("guard", "show")
    assert "'XX' is neither a country" in command.fails("guard", "open", "admin", "XX")
    command.ok("guard", "limit", "admin", "--money-per-day", "20", "--calls-per-hour", "60")
    (shown,) = command.json("guard", "show", "admin")

    assert (shown["destinations"], shown["money_per_day"], shown["calls_per_hour"]) == (
        ["-abroad", "SO", "premium"], "20.00", 60,
    )  # fmt: skip
    command.ok("guard", "limit", "admin", "--money-per-day", "none", "--calls-per-hour", "default")
    assert command.json("guard", "show")[0]["money_per_day"] == "unlimited"
    assert command.ok("guard", "forgive", "admin") == "admin begins anew\n"
    assert "unlimited" in command.ok("guard", "show")
    assert "takes a number" in command.fails("guard", "limit", "admin", "--minutes-per-day", "many")
    assert "there is no user" in command.fails("guard", "open", "nobody", "premium")


def test_rates_come_from_a_file(command, tmp_path):
    command.ok(
        "provider", "add", "blueface", "--server", "sip.example.net", "--username", "u", "--password", "p"
    )
    file = tmp_path / "rates.csv"
    file.write_text("prefix,per_minute,connection\n+353,0.01,0\n*,0.50,0.10\n# the end\n")

    assert command.ok("provider", "rates", "blueface", str(file)) == "blueface has rates for 2 prefixes\n"
    assert command.json("provider", "rates", "blueface") == [
        {"prefix": "", "per_minute": "0.50", "connection": "0.10"},
        {"prefix": "353", "per_minute": "0.01", "connection": "0.00"},
    ]
    file.write_text("353;0.02\n")
    command.ok("provider", "rates", "blueface", str(file))
    assert "0.02" in command.ok("provider", "rates", "blueface")
    file.write_text("353\n")
    assert "line 1: write prefix" in command.fails("provider", "rates", "blueface", str(file))


def test_what_was_held_back_is_listed_and_confirmed(command):
    assert command.json("guard", "unusual") == []
    with sqlite3.connect(command.folder / "sipwright.db") as connection:
        connection.execute(
            "INSERT INTO unusual_calls (user_id, account_id, place, number, why, code, times, at) "
            "VALUES (1, 0, 'premium GB', '+449098790000', 'the first one', '123456', 2, ?)", (time.time(),)
        )  # fmt: skip
    (shown,) = command.json("guard", "unusual", "admin")
    assert (shown["place"], shown["state"], shown["code"]) == ("premium numbers in GB", "held back", "123456")
    assert "+449098790000" in command.ok("guard", "unusual")

    assert command.ok("guard", "confirm", "1").startswith(
        "calls of admin to premium numbers in GB leave until 20"
    )
    assert command.json("guard", "unusual")[0]["state"] == "confirmed"
    assert command.ok("guard", "undo", "1") == "calls of admin to premium numbers in GB are held back again\n"
    assert "no call 2 was held back" in command.fails("guard", "confirm", "2")


def test_what_is_usual_is_learnt_and_shown(command):
    assert command.ok("guard", "usual") == "nothing is usual for admin yet: that takes 20 calls on 3 days\n"
    noon = int(time.time() // 86_400) * 86_400 + 43_200
    with sqlite3.connect(command.folder / "sipwright.db") as connection:
        connection.executemany(
            "INSERT INTO cdrs (call_id, leg, direction, user_id, target, started_at, answered_at, ended_at) "
            "VALUES (?, 1, 'out', 1, '+35316790000@trunk', ?, ?, ?)",
            [(str(day), noon - day * 86_400, noon - day * 86_400, noon - day * 86_400 + 60) for day in range(2, 32)],
        )  # fmt: skip
    assert "30 on 30 days" in command.ok("guard", "learn", "admin")
    assert command.json("guard", "usual", "admin")["places"] == ["numbers in IE"]
