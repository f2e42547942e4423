"""``sipwright guard`` and ``sipwright provider rates``."""


def test_destinations_and_limits_are_changed_and_shown(command):
    command.ok("guard", "open", "admin", "premium", "SO")
    command.ok("guard", "close", "admin", "abroad")
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
