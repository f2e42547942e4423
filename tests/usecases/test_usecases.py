"""All use cases in one place."""

from sipwright.usecases import UseCases

THINGS = (
    "accounts bindings providers dialplans calls cdrs traces messages values secrets domains bans guard "
    "unusual_calls nodes events status settings"
)
PEOPLE = "login users tokens sessions keys invites audit me signup recovery"


async def test_there_is_one_of_each(usecases: UseCases):
    assert [name for name in vars(usecases) if name not in ("ground", "gate")] == [
        *THINGS.split(),
        *PEOPLE.split(),
    ]
