"""How many datagrams a wake-up reads, by how many there were."""

from sipwright.transport.portion import FILLED_BEFORE_MORE, LARGEST, Portion


def asked_in_vain(portion, waiting):
    """Wake up with so many datagrams waiting, and tell whether the socket was asked for one that was not there."""
    if portion.size <= waiting:
        portion.filled()
        return False
    portion.emptied(waiting)
    return True


def test_where_they_come_one_by_one_an_empty_socket_is_seldom_asked():
    portion = Portion()
    vain = [asked_in_vain(portion, 1) for _ in range(10 * (FILLED_BEFORE_MORE + 1))]

    assert sum(vain) == 10


def test_a_flood_is_soon_read_in_the_largest_portions():
    portion = Portion()
    sizes = []
    for _ in range(8 * FILLED_BEFORE_MORE):
        sizes.append(portion.size)
        portion.filled()

    assert sizes[::FILLED_BEFORE_MORE] == [1, 2, 4, 8, 16, 32, LARGEST, LARGEST]


def test_the_end_of_a_flood_is_noticed_at_once():
    portion = Portion()
    portion.emptied(40)
    assert portion.size == 40

    portion.emptied(0)
    assert portion.size == 1
