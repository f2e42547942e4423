"""What scripts keep, as people see and change it."""

import pytest

from sipwright.usecases.errors import Changed, Invalid, NotFound


async def test_a_value_is_kept_shown_and_forgotten(usecases, admin, carol, dave):
    kept = await usecases.values.put(carol, "count", {"n": [1, "zwei"]})

    assert (await usecases.values.get(carol, "count")) == kept
    assert kept.value == {"n": [1, "zwei"]}
    assert (await usecases.values.get(admin, "count", user="carol")) == kept
    for work in (usecases.values.get(dave, "count"), usecases.values.get(dave, "count", user="carol")):
        with pytest.raises(NotFound):
            await work
    changed = await usecases.values.put(carol, "count", 2, if_match=kept.etag)
    with pytest.raises(Changed):
        await usecases.values.remove(carol, "count", if_match=kept.etag)
    await usecases.values.remove(carol, "count", if_match=changed.etag)
    with pytest.raises(Changed):
        await usecases.values.put(carol, "count", 3, if_match=changed.etag)
    with pytest.raises(NotFound):
        await usecases.values.remove(carol, "count")


async def test_they_are_listed_by_key_and_their_beginning(usecases, carol):
    for key in ("b/1", "a/2", "a/1", "A/3"):
        await usecases.values.put(carol, key, key)

    page = await usecases.values.list(carol, prefix="a/", limit=1)
    rest = await usecases.values.list(carol, prefix="a/", limit=1, cursor=page.next)
    assert [one.key for one in (*page, *rest)] == ["a/1", "a/2"]
    assert rest.next is None


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("", 1, "key"),
        ("x" * 65, 1, "key"),
        ("a\0", 1, "key"),
        ("a", None, "value"),
        ("a", "x" * 10_001, "value"),
    ],
)
async def test_what_is_wrong_is_told_at_its_field(usecases, carol, key, value, field):
    with pytest.raises(Invalid) as caught:
        await usecases.values.put(carol, key, value)

    assert caught.value.fields[0].field == field
