"""What the registrar has stored: bindings in the table and in the database, and who is told when."""

from sipwright.store.schema.rows import BindingRow

CONTACT = "Contact: <sip:alice@10.0.0.5:5062>"


def test_the_binding_is_stored_whole(world):
    world.register(
        'Contact: <sip:alice@10.0.0.5:5062>;q=0.7;reg-id=1;+sip.instance="<urn:uuid:1>"',
        f"User-Agent: {'x' * 200}",
        "Path: <sip:p1.example;lr;ob>",
        "Path: <sip:p2.example;lr>",
        call_id="abc@phone",
        cseq=17,
    )
    (row,) = world.writer.rows["binding"].values()

    assert BindingRow(*row) == BindingRow(
        account_id=1,
        contact='<sip:alice@10.0.0.5:5062>;q=0.7;reg-id=1;+sip.instance="<urn:uuid:1>"',
        q=0.7,
        source="udp/192.0.2.1:5060/203.0.113.9:40001",
        path="<sip:p1.example;lr;ob>, <sip:p2.example;lr>",
        call_id="abc@phone",
        cseq=17,
        expires_at=world.unix_time() + 3600,
        user_agent="x" * 128,
        instance="<urn:uuid:1>",
        reg_id=1,
        updated_at=world.unix_time(),
    )


def test_the_200_leaves_only_after_the_commit(world):
    world.writer.is_eager = False
    incoming = world.register(CONTACT)

    assert incoming.responses == []
    assert incoming.has_transaction
    world.writer.commit()
    assert incoming.response.status == 200


def test_a_full_writer_leaves_everything_as_it_was(world):
    world.register(CONTACT)
    world.writer.is_full = True
    response = world.register("Contact: <sip:new@10.0.0.5>").response

    assert response.status == 503
    assert world.contacts() == ["<sip:alice@10.0.0.5:5062>"]


def test_a_refresh_is_told_of_also_while_nothing_can_be_stored(world):
    """Calls may wait for that phone, which has another connection now."""
    heard = []
    world.begin(on_registered=heard.append)
    world.register(CONTACT)
    world.writer.is_away = True

    assert world.register(CONTACT).response.status == 200
    assert heard == [1, 1]


def test_expired_bindings_leave_the_table_and_the_database(world):
    world.register("Contact: <sip:a@10.0.0.5>;expires=60, <sip:b@10.0.0.5>;expires=90")
    world.now += 61
    world.service.expire(world.now)

    assert world.contacts() == world.stored() == ["<sip:b@10.0.0.5>"]
    assert world.service.snapshot().expired == 1


def test_a_refresh_removes_the_rows_of_expired_ones_too(world):
    world.register("Contact: <sip:a@10.0.0.5>;expires=60")
    world.now += 61
    world.register("Contact: <sip:b@10.0.0.5>")

    assert world.stored() == ["<sip:b@10.0.0.5>"]


def test_expiry_goes_on_while_the_database_is_away(world):
    world.register("Contact: <sip:a@10.0.0.5>;expires=60")
    world.now += 61
    world.writer.is_full = True
    world.service.expire(world.now)

    assert len(world.locations) == 0


def test_a_removed_account_is_forgotten(world):
    world.register(CONTACT)
    world.service.forget(1)

    assert world.contacts() == world.stored() == []


def test_snapshot(world):
    world.register(CONTACT)
    world.register("Contact: <sip:b@10.0.0.5>", aor="bob@example.org")
    world.receive(world.text(CONTACT))
    snapshot = world.service.snapshot()

    assert (snapshot.accounts, snapshot.accepted, snapshot.expired) == (2, 2, 0)
