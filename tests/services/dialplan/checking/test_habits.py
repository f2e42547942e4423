"""What runs, and does not do what it looks like, is told; what may be meant is not."""

import ast

import pytest

from sipwright.services.dialplan.checking.habits import mistaken


def told(source):
    return [(node.lineno, said) for node, said in mistaken(ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "line", "instead"),
    [
        ("if req.user == 300:\n    respond(486)", 1, 'write "300", with quotes'),
        ("log(1)\nif call.account != 101:\n    respond(486)", 2, 'write "101", with quotes'),
        ('r = dial("a@b")\nif r.status == "486":\n    respond(486)', 2, "write 486"),
        ('r = dial("a@b")\nif r == "BUSY":\n    respond(486)', 2, "write r.status == 486"),
        (
            'r = dial("a@b")\nr = dial("c@b")\nif r == "NOANSWER":\n    respond(480)',
            3,
            "write r.status == 480",
        ),
        ("if now().weekday == 5:\n    respond(480)", 1, "write now().weekday()"),
        ("n = store.get('n') + 1", 1, "write store.get('n', 0)"),
        ('x = http_get("http://a.example").json()', 1, "without ()"),
        ("import datetime\nlog(datetime.datetime.now())", 2, "write now()"),
        ("while True:\n    pass", 1, "write break"),
        ('respond(486)\ndial("a@b")', 2, "respond(486) in line 1 ends the script"),
        ('if a:\n    exit()\n    dial("a@b")', 3, "exit() in line 2 ends the script"),
        ('def on_call(r):\n    dial("a@b")', 1, "write on_call() below it"),
    ],
)
def test_what_is_not_as_it_looks(source, line, instead):
    ((where, said),) = told(source)

    assert where == line
    assert instead in said


@pytest.mark.parametrize(
    "source",
    [
        'if req.user == "300":\n    respond(486)',
        "if int(req.user) == 300 or call.active == 3:\n    respond(486)",
        "req = call\nif req.user == 300:\n    respond(486)",
        'r = dial("a@b")\nr = "BUSY"\nif r == "BUSY":\n    respond(486)',
        'r = dial("a@b")\nif r.status == 486 and r.reason == "Busy Here":\n    respond(486)',
        'def dial(x):\n    return "BUSY"\nr = dial("a")\nif r == "BUSY":\n    respond(486)',
        "if now().weekday() == 5 and now().hour == 8:\n    respond(480)",
        "n = store.get('n', 0) + 1",
        "import datetime\nlog(datetime.datetime.now(datetime.UTC))",
        'while True:\n    dial("a@b")',
        "while True:\n    if n > 3:\n        break",
        'respond(183)\ndial("a@b")',
        'r = dial("a@b", wait=True)\nrespond(480)\nlog("it rang")',
        'redirect("sip:a@b")',
        'def ring():\n    dial("a@b")',
        'def main():\n    dial("a@b")\n\nmain()',
        'def main():\n    ring()\n\ndef ring():\n    dial("a@b")',
        "GROUPS = {}\ndef handle(x):\n    dial(GROUPS[x])",
    ],
)
def test_what_may_be_meant_is_not_told(source):
    assert told(source) == []
