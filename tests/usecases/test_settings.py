"""What is set and where it came from."""

from sipwright.config import Settings


async def test_each_setting_says_where_it_comes_from_and_no_secret(usecases, admin, tmp_path, monkeypatch):
    (tmp_path / "sipwright.toml").write_text(
        '[sip]\nudp = ["127.0.0.1:5070"]\n[database]\nurl = "postgresql://me:frosty@x/y"\n'
        '[mail]\npassword = "lantern"\n'
    )
    monkeypatch.setenv("SIPWRIGHT_SIP__TCP", "[]")
    usecases.ground.settings = Settings.load(tmp_path)

    found = {(one.section, one.name): one for one in await usecases.settings.list(admin)}
    udp, tcp = found["sip", "udp"], found["sip", "tcp"]
    assert (udp.value, udp.origin, udp.place) == (
        ["127.0.0.1:5070"], "file", f"{tmp_path}/sipwright.toml, line 2",
    )  # fmt: skip
    assert (tcp.value, tcp.origin, tcp.place) == ([], "environment", "SIPWRIGHT_SIP__TCP")
    assert found["sip", "min_expires"].origin == "default"
    assert "frosty" not in str(found)
    assert "lantern" not in str(found)


async def test_each_section_says_in_plain_words_what_it_is_of(usecases, admin):
    found = await usecases.settings.list(admin)

    assert [one.name for one in found if not one.about or "`" in one.about or "[" in one.about] == []
