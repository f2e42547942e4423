"""What the store says, in the words of the use cases."""

import pytest

from sipwright.store.errors import AlreadyExistsError, DatabaseAwayError, NotFoundError, StoreError
from sipwright.usecases.errors import Conflict, Invalid, NotFound, Refused, Unavailable, said_to, translated


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (NotFoundError("there is no such thing"), NotFound),
        (AlreadyExistsError("the name is taken"), Conflict),
        (DatabaseAwayError("the database does not work"), Unavailable),
        (StoreError("that is no name", "name"), Invalid),
    ],
)
def test_each_error_of_the_store_has_one_here_that_says_the_same(said, meant):
    with pytest.raises(meant) as caught, translated():
        raise said

    assert str(caught.value) == str(said)


def test_where_the_database_is_and_who_keeps_it_locked_is_told_to_an_admin_alone():
    said = "the database postgresql://switch@10.0.0.9/calls does not work: no route to host"
    with pytest.raises(Unavailable) as caught, translated():
        raise DatabaseAwayError(said)

    assert said_to(caught.value, is_admin=True) == said
    assert said_to(caught.value) == "the database does not work now"
    assert said_to(NotFound("there is no such thing")) == "there is no such thing"


def test_who_asks_from_elsewhere_is_not_sent_to_the_command_line_of_the_server():
    said = "no call 'x' is known; 'sipwright calls' and 'sipwright cdrs' show them, below CALL"

    assert said_to(NotFound(said)) == "no call 'x' is known"
    assert said_to(Refused("it is locked; 'fuser x' says which")) == "it is locked; 'fuser x' says which"


def test_a_mistake_is_told_at_its_field():
    with pytest.raises(Invalid) as caught, translated():
        raise StoreError("that is no name", "name")

    assert [(one.field, one.message) for one in caught.value.fields] == [("name", "that is no name")]
