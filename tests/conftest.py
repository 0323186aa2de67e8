"""Fixtures of all tests: example data, Debian tools, no network, no settings of the person who runs them.

A skip states its reason. Reasons that begin with "Debian package" fail the run in ``.ci/run``.
"""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("HOUNSFIELD_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")

DebianTool = Callable[[str, str], Path]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked ``torch`` on a plain install."""
    if item.get_closest_marker("torch"):
        pytest.importorskip("torch", reason="torch is not installed: pip install 'hounsfield[train]'")


@pytest.fixture(autouse=True, scope="session")
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away the settings of the person who runs the tests, so that each machine tests the same thing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("HOUNSFIELD_")]:
            patch.delenv(name)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse connections that leave the machine: a test that needs the network is a fault."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host not in {"127.0.0.1", "::1", "localhost"}:
            raise RuntimeError(f"a test tried to connect to {host}; tests run without network")
        connect(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of example data, ``../shared/data`` or ``$HOUNSFIELD_SHARED_DATA``; skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the example data are not at {SHARED_DATA} (set HOUNSFIELD_SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def debian_tool() -> DebianTool:
    """Return a function that finds a program by name, or skips and names its Debian package."""

    def find(name: str, package: str) -> Path:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"Debian package {package} is not installed")
        return Path(found)

    return find
