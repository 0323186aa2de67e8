"""The public names: about twenty, sorted, importable, and written down nowhere twice."""

import re
import subprocess
import sys
from importlib import import_module

import pytest

import hounsfield
from tests.house.progress import PACKAGE, accept

FEWEST, MOST = 12, 26


def isort_key(name: str) -> tuple[int, str]:
    """Order names as ruff does in ``__all__``: CONSTANTS, then Classes, then the rest."""
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        return 0, name
    return (1 if name[:1].isupper() else 2), name


@pytest.fixture(scope="module")
def exported() -> list[str]:
    names = getattr(hounsfield, "__all__", None)
    if names is None:
        pytest.skip("hounsfield exports no names yet: it has no __all__")
    return list(names)


def test_names_are_sorted_and_unique(exported: list[str]) -> None:
    assert exported == sorted(set(exported), key=isort_key)


def test_names_are_about_twenty(exported: list[str]) -> None:
    assert FEWEST <= len(exported) <= MOST


def test_every_name_is_there_and_documented(exported: list[str]) -> None:
    accept([fault for name in exported if (fault := fault_of(name))])


def test_a_name_that_is_also_a_room_can_be_called(exported: list[str]) -> None:
    """Importing ``hounsfield.train`` binds the room to that name in the package, so the room itself takes the call."""
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    both = [name for name in exported if name in rooms]
    accept([f"{name} is a room too" for name in both if not callable(import_module(f"hounsfield.{name}"))])


def fault_of(name: str) -> str:
    try:
        found = getattr(hounsfield, name)
    except (AttributeError, ImportError) as error:
        return f"{name}: {error}"
    return f"{name}: public without a docstring" if callable(found) and not (found.__doc__ or "").strip() else ""


def test_a_name_that_is_not_there_is_a_fault() -> None:
    assert "no_such_name" in fault_of("no_such_name")


def test_importing_the_package_loads_no_room() -> None:
    program = "import sys, hounsfield; print([name for name in sys.modules if name.startswith('hounsfield.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"


def test_dir_lists_every_name(exported: list[str]) -> None:
    assert set(exported) <= set(dir(hounsfield))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(hounsfield, name)


def test_the_order_is_that_of_ruff() -> None:
    assert sorted(["analyse", "Volume", "LIMIT", "Mask", "__version__"], key=isort_key) == [
        "LIMIT",
        "Mask",
        "Volume",
        "__version__",
        "analyse",
    ]
