"""Stands of the service for tests."""

import pytest

from hounsfield.archive.store import open_store
from tests.service.stand import stand_in


@pytest.fixture
def stand(tmp_path):
    """A stand of its own, for tests that change it."""
    made = stand_in(tmp_path)
    yield made
    made.desk.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A stand that the tests of a module share."""
    folder = tmp_path_factory.mktemp("service")
    made = stand_in(folder, store=open_store(folder / "archive"))
    yield made
    made.desk.close()
