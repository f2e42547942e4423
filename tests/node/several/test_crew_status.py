"""What several workers say of themselves, as one."""

from sipwright.node.several.crew_status import together


def status(node, calls, at, **storage):
    return {
        "node": node, "pid": calls, "started_at": 1.0, "at": 9.0, "calls": calls, "legs": 2 * calls, "scripts": 1,
        "refused": 0, "quick_registers": 3, "activations": 5, "activations_in_place": 4, "readers": 0, "clients": 1,
        "call_states": {"talking": calls},
        "registrations": {"registered": 1}, "tables": {"tasks": 5}, "transactions": {"ServerInvite proceeding": calls},
        "registrations_under_way": 1, "registrations_leaving": 0,
        "counts": {"phones": 7, "bindings": 8, "bans": 2, "lag_seconds": at, "requests": 10},
        "errors": [{"at": at, "text": node}], "locked": [{"account": node}], "troubled": [[node, "403"]],
        "alerts": [
            {"key": "disk", "text": "the disk", "since": 5.0},
            {"key": node, "text": f"{node} is lost", "since": at},
        ],
        "storage": {"is_away": False, "is_short": False, "waiting": 2, "free_bytes": 100} | storage,
    }  # fmt: skip


def test_what_is_counted_is_added_up_but_for_what_all_have_in_common():
    found = together(
        status("north", 1, 2.0), {"north+2": status("north+2", 2, 1.0, is_away=True), "north+3": None}
    )

    assert (found["node"], found["calls"], found["legs"], found["clients"]) == ("north", 3, 6, 2)
    assert (found["activations"], found["activations_in_place"]) == (10, 8)
    assert found["call_states"] == {"talking": 3}
    assert found["transactions"] == {"ServerInvite proceeding": 3}
    assert found["counts"] == {"phones": 7, "bindings": 8, "bans": 2, "lag_seconds": 2.0, "requests": 20}
    assert found["storage"] == {"is_away": True, "is_short": False, "waiting": 4, "free_bytes": 100}
    assert [error["text"] for error in found["errors"]] == ["north+2", "north"]
    assert [one["account"] for one in found["locked"]] == ["north", "north+2"]
    assert found["troubled"] == [["north", "403"], ["north+2", "403"]]
    assert [one["text"] for one in found["alerts"]] == ["north+2 is lost", "north is lost", "the disk"]
    assert [(one["node"], one["up"], one.get("calls")) for one in found["workers"]] == [
        ("north", True, 1), ("north+2", True, 2), ("north+3", False, None),
    ]  # fmt: skip


def test_what_one_has_too_much_of_to_count_is_not_counted():
    many = status("north+2", 2, 1.0) | {"call_states": None}

    assert together(status("north", 1, 2.0), {"north+2": many})["call_states"] is None
