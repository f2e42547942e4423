"""``sipwright policy``: who may ask for what."""


def test_the_policy_is_shown_as_the_settings_have_it(command):
    settings = command.folder / "sipwright.toml"
    settings.write_text(
        settings.read_text()
        + '\n[policy.domains."example.org"]\nmessage = ["phones"]\n[policy.providers.pbx]\nrefer = true\n'
    )
    rows = {(row["action"], row["domain"], row["provider"]): row for row in command.json("policy")}

    assert rows["refer", None, None]["strangers"] is False
    assert rows["message", "example.org", None] == {
        "domain": "example.org", "provider": None, "action": "message", "phones": True, "trunks": False,
        "strangers": False,
    }  # fmt: skip
    assert rows["refer", None, "pbx"]["trunks"] is True
    shown = command.ok("policy")
    assert "provider pbx" in shown
    assert "subscribe" in shown
