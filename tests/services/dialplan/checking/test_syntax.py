"""A script that cannot be read is one problem, at its line, with what to write instead."""

import pytest

from sipwright.services.dialplan import check_script
from sipwright.services.dialplan.checking.syntax import unreadable


@pytest.mark.parametrize(
    ("source", "line", "column", "said"),
    [
        ("dial(\u201cbob@local\u201d)\n", 1, 6, "U+201C) is a quote of a word processor; write \" or '"),
        ("dial(\u2018bob@local\u2019, ring=20)\n", 1, 6, "is a quote of a word processor"),
        ('if req.user:\n\u00a0\u00a0dial("bob@local")\n', 2, 1, "only looks like a space (U+00A0)"),
        ('log("\u201cquoted\u201d")\ndial("bob@local")\uff1b\n', 2, 18, "(U+FF1B) means nothing in Python; write ;"),
        ('if req.user:\n\tlog("a")\n        log("b")\n', 2, 1, "four spaces for each tab"),
        ('log(1)\nif req.user = "300":\n    respond(486)\n', 2, 1, "write == to compare"),
        ('if req.user == "300"\n    respond(486)\n', 1, 1, "its line ends with :"),
        ('if a:\n    b()\nelse if c:\n    d()\n', 3, 1, "write elif"),
        ('if a:\n    b()\nelif c\n    d()\n', 3, 1, "its line ends with :"),
        ('elif c:\n    d()\n', 1, 1, "below its if"),
        ('if req.user == "1":\nlog(1)\n', 2, 1, "four spaces further right"),
        ('if a:\n    pass\n  log(1)\n', 3, None, "as far left as before"),
        ('switch (req.user) {\n case "300": respond(486); break;\n}\n', 1, 1, "write if, elif and else"),
        ('if !req.user.startswith("300"):\n    respond(486)\n', 1, 4, "write not"),
        ('if a && b:\n    c()\n', 1, 6, "write and"),
        ('if a || b:\n    c()\n', 1, 6, "write or"),
        ("i = 0\ni++\n", 2, 2, "write += 1"),
        ("if now().hour => 17:\n    respond(480)\n", 1, 15, "write >="),
        ('if (a == "300") {\n    respond(486)\n}\n', 1, 15, "instead of { and }"),
        ('if a == "300" then:\n    respond(486)\n', 1, 15, "write : instead of then"),
        ('print "hello"\n', 1, 1, "write log(...)"),
        ("```python\nlog(1)\n```\n", 1, 1, "leave out the lines with ```"),
        (">>> log(1)\n", 1, 1, "leave out >>>"),
        ("1  log(1)\n2  log(2)\n", 1, 1, "leave out the numbers of the lines"),
        ("if a:\n    return\n", 2, 5, "exit() ends the script"),
        ('dial("bob@local"\nrespond(480)\n', 1, 5, "close it"),
        ('dial("bob@local)\n', 1, 6, "ends with the quote that it begins with"),
        ('if req.from == "300":\n    pass\n', 1, 4, "write req.from_user"),
        ('When somebody calls, ring bob.\n', 1, None, "docs/dialplans.md"),
        ('x = {\n    "a": 1\n    "b": 2\n}\n', 2, None, "comma"),
    ],
)  # fmt: skip
def test_one_problem_that_says_what_to_write(source, line, column, said):
    (problem,) = check_script(source)

    assert problem.line == line
    assert column is None or problem.column == column
    assert said in problem.message


def test_what_stands_in_texts_and_remarks_is_no_habit():
    found = unreadable("x = ('a && b', \"c => d\"  # !x || y\n", 1, 5, "something")

    assert "never closed" in found.message


def test_a_place_that_is_none_gets_the_words_of_the_parser():
    assert unreadable("", 7, 1, "something") == (7, 1, "something")
    assert unreadable("x = 1\n", 1, 2, "something") == (1, 2, "something")
