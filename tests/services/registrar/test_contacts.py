import pytest


def granted(world, *headers, flow=None):
    """The seconds that a REGISTER with these headers is granted, or the status that refuses it."""
    response = world.register(*headers, flow=flow).response
    if response.status != 200:
        return response.status
    (contact,) = response.contacts
    return int(contact.params["expires"])


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["Contact: <sip:a@203.0.113.9:40001>;expires=600"], 600),
        (["Contact: <sip:a@203.0.113.9:40001>", "Expires: 700"], 700),
        (["Contact: <sip:a@203.0.113.9:40001>;expires=600", "Expires: 700"], 600),
        (["Contact: <sip:a@203.0.113.9:40001>"], 3600),
        (["Contact: <sip:a@203.0.113.9:40001>;expires=86400"], 3600),
        (["Contact: <sip:a@203.0.113.9:40001>;expires=99999999999999999999"], 3600),
        (["Contact: <sip:a@203.0.113.9:40001>;expires=soon"], 3600),
        (["Contact: <sip:a@203.0.113.9:40001>;expires=soon", "Expires: 700"], 3600),
        (["Contact: <sip:a@203.0.113.9:40001>;expires=60"], 60),
        (["Contact: sip:a@203.0.113.9:40001;expires=90"], 90),
        (["Contact: <sip:a@203.0.113.9:40001>;expires=59"], 423),
        (["Contact: <sip:a@203.0.113.9:40001>", "Expires: 1"], 423),
    ],
)
def test_expiry_of_a_phone_that_is_where_it_says(world, headers, seconds):
    """§10.3 step 7."""
    assert granted(world, *headers) == seconds


@pytest.mark.parametrize(
    ("contact", "source", "seconds"),
    [
        ("sip:a@10.0.0.5:5062", ("203.0.113.9", 40001), 120),
        ("sip:a@203.0.113.9:5062", ("203.0.113.9", 40001), 120),
        ("sip:a@phone.example.org:40001", ("203.0.113.9", 40001), 120),
        ("sip:a@203.0.113.9", ("203.0.113.9", 5060), 3600),
        ("sips:a@203.0.113.9", ("203.0.113.9", 5061), 3600),
        ("sip:a@[2001:DB8:0::7]:40001", ("2001:db8::7", 40001), 3600),
        ("sip:a@[2001:db8::8]:40001", ("2001:db8::7", 40001), 120),
        ("sip:a@10.0.0.5:40001", ("2001:db8::7", 40001), 120),
        ("tel:+35315551234", ("203.0.113.9", 5060), 120),
    ],
)
def test_a_phone_behind_nat_comes_back_soon(world, at, contact, source, seconds):
    assert granted(world, f"Contact: <{contact}>;expires=3600", flow=at(*source)) == seconds


def test_a_phone_behind_nat_may_ask_for_less(world):
    assert granted(world, "Contact: <sip:a@10.0.0.5>;expires=90") == 90


def test_a_connection_keeps_itself_open(world, at):
    flow = at("203.0.113.9", 40001, "tcp")

    assert granted(world, "Contact: <sip:a@10.0.0.5>;expires=3600", flow=flow) == 3600


def test_behind_a_proxy_that_stays_on_the_path_the_source_means_nothing(world):
    assert granted(world, "Path: <sip:p.example;lr>", "Contact: <sip:a@10.0.0.5>;expires=3600") == 3600


def test_too_brief_an_interval_names_the_shortest(world):
    response = world.register("Contact: <sip:a@10.0.0.5>;expires=59").response

    assert (response.status, response.headers.get("Min-Expires")) == (423, "60")


def test_one_contact_that_is_too_brief_refuses_all(world):
    response = world.register("Contact: <sip:a@10.0.0.5>;expires=60, <sip:b@10.0.0.5>;expires=5").response

    assert response.status == 423
    assert world.contacts() == []


@pytest.mark.parametrize(
    ("contact", "kept"),
    [
        ("<sip:a@10.0.0.5;transport=UDP>;q=0.5", "<sip:a@10.0.0.5;transport=UDP>;q=0.5"),
        ("<sip:a@10.0.0.5>;expires=90;q=0.5", "<sip:a@10.0.0.5>;q=0.5"),
        ("sip:a@10.0.0.5;expires=90;q=0.5", "<sip:a@10.0.0.5>;q=0.5"),
        ('"A, B" <sip:a@10.0.0.5>;expires=90', '"A, B" <sip:a@10.0.0.5>'),
        ('<sip:a@10.0.0.5>;+sip.instance="<urn:uuid:1>"', '<sip:a@10.0.0.5>;+sip.instance="<urn:uuid:1>"'),
    ],
)
def test_the_contact_is_kept_as_it_came_without_its_expiry(world, contact, kept):
    world.register(f"Contact: {contact}")

    assert world.contacts() == [kept]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Contact: *", "Expires: 0"], 200),
        (["Contact: *", "Expires: 3600"], 400),
        (["Contact: *"], 400),
    ],
)
def test_the_star_needs_expires_zero(world, headers, status):
    """§10.3 step 6."""
    world.register("Contact: <sip:a@10.0.0.5>")

    assert world.register(*headers).response.status == status
    assert len(world.contacts()) == (0 if status == 200 else 1)


def test_too_many_or_too_long_contacts_are_refused(world):
    many = ", ".join(f"<sip:{n}@h>" for n in range(21))
    long = f"<sip:{'a' * 1024}@h>"

    assert world.register(f"Contact: {many}").response.reason == "Too Many Contacts"
    assert world.register(f"Contact: {long}").response.reason == "Contact Is Too Long"


@pytest.mark.parametrize(
    ("params", "instance", "reg_id"),
    [
        (';reg-id=1;+sip.instance="<urn:uuid:1>"', "<urn:uuid:1>", 1),
        (';+sip.instance="<urn:uuid:1>"', "<urn:uuid:1>", None),
        (";+sip.instance", None, None),
        (';reg-id=x;+sip.instance="<urn:uuid:1>"', "<urn:uuid:1>", None),
        (";reg-id=1", None, None),
    ],
)
def test_the_instance_is_read(world, params, instance, reg_id):
    world.register(f"Contact: <sip:a@10.0.0.5>{params}")
    (row,) = world.writer.rows["binding"].values()

    assert row[9:11] == (instance, reg_id)
