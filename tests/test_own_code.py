"""Functions with code of their own for each class."""

from sipwright.own_code import OwnCode, own_code


def greet(name="you", *, loudly=False):
    """Say hello."""
    return f"hello, {name}{'!' if loudly else '.'}"


class Animal(OwnCode):
    def __init__(self, name):
        self.name = name

    def said(self):
        return f"{self.name} {self.noise()}"

    def noise(self):
        return "breathes"

    @property
    def length(self):
        return len(self.name)


class Dog(Animal):
    def noise(self):
        return "barks"


class Puppy(Dog):
    def said(self):
        return super().said() + " a bit"


def test_a_copy_does_the_same_and_has_code_of_its_own():
    copy = own_code(greet)

    assert [copy(), copy("dog", loudly=True)] == ["hello, you.", "hello, dog!"]
    assert (copy.__name__, copy.__qualname__, copy.__doc__) == ("greet", "greet", "Say hello.")
    assert copy.__code__ is not greet.__code__


def test_each_class_has_what_it_inherits_of_its_own():
    pairs = (
        (Dog, Animal, "said"),
        (Dog, Animal, "__init__"),
        (Puppy, Dog, "noise"),
        (Puppy, Dog, "__init__"),
    )

    assert all(vars(kind)[name].__code__ is not vars(base)[name].__code__ for kind, base, name in pairs)


def test_what_a_class_says_itself_goes_before_what_it_inherits():
    assert [animal.said() for animal in (Animal("it"), Dog("Rex"), Puppy("Rex"))] == [
        "it breathes",
        "Rex barks",
        "Rex barks a bit",
    ]
    assert Puppy("Rex").length == 3
