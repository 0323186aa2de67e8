"""The tables of people, on a test stand."""

import pytest

from hounsfield.service.access.gate import open_gate
from tests.service.stand import CHEAP, Clock, people


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(tmp_path, clock):
    """Everybody of the stand, in tables of their own."""
    made = open_gate(tmp_path, CHEAP, None, clock)
    people(made)
    yield made
    made.close()


@pytest.fixture
def empty(tmp_path, clock):
    """Tables without anybody."""
    made = open_gate(tmp_path, CHEAP, None, clock)
    yield made
    made.close()
