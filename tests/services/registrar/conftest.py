"""A registrar with its surroundings."""

import pytest

from services.registering import FakeFlow, World


@pytest.fixture
def world():
    return World()


@pytest.fixture
def at():
    """Make a flow from a source."""
    return lambda host, port, protocol="udp": FakeFlow((host, port), protocol)
