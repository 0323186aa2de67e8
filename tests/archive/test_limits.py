"""B3: each limit holds at its value and refuses one above it."""

import os
import zipfile
from dataclasses import fields

import pytest

from hounsfield.archive.limits import DEFAULT_LIMITS, GIB, Limits
from hounsfield.archive.local import open_source
from hounsfield.errors import Refused
from tests.archive.samples import ct_dataset, element, encode, item, part10, write_ct, write_zip


def nested(depth):
    content = element(8, 0x60, "CS", b"CT")
    for _ in range(depth):
        content = element(8, 0x1115, "SQ", item(content))
    return part10(content)


def code(source, **limits):
    """Return the code of the refusal, or None; of a folder that is taken, the code of its first refused file."""
    try:
        with open_source(source, Limits(**limits)) as archive:
            return archive.refused[0].error.code if archive.refused else None
    except Refused as error:
        return error.code


@pytest.fixture
def made(tmp_path):
    """Sources whose size in each limited respect is known."""
    folder = tmp_path / "folder"
    for number in range(5):
        write_ct(folder / str(number))
    inner = write_zip(tmp_path / "inner.zip", {"IM1": encode(ct_dataset())}).read_bytes()
    (tmp_path / "nested").write_bytes(nested(7))
    (tmp_path / "elements").write_bytes(part10(element(8, 0x60, "CS", b"CT") * 20))
    zeros = write_zip(tmp_path / "zeros.zip", {"a": bytes(100_000)})
    return {
        "max_files": (folder, 5, "E109"),
        "max_file_bytes": (folder / "0", (folder / "0").stat().st_size, "E110"),
        "max_pixel_bytes": (folder / "0", 128, "E117"),
        "max_sequence_depth": (tmp_path / "nested", 7, "E112"),
        "max_elements": (tmp_path / "elements", 21, "E113"),
        "max_archive_members": (write_zip(tmp_path / "m.zip", dict.fromkeys("abc", encode(ct_dataset()))), 3, "E135"),
        "max_archive_bytes": (write_zip(tmp_path / "b.zip", {"a": os.urandom(999)}), 999, "E136"),
        "max_archive_depth": (write_zip(tmp_path / "d.zip", {"x.zip": inner}), 2, "E138"),
        "max_inflation_ratio": (zeros, -(-100_000 // zeros.stat().st_size), "E137"),
        "inflation_floor_bytes": (zeros, 100_000, "E137"),
    }


@pytest.mark.parametrize("name", [limit.name for limit in fields(Limits) if limit.type is not bool])
def test_each_limit_is_exact(made, name):
    source, value, refusal = made[name]
    others = {"inflation_floor_bytes": 10} if name == "max_inflation_ratio" else {}
    assert code(source, **{name: value}, **others) != refusal
    assert code(source, **{name: value + 1}, **others) != refusal
    assert code(source, **{name: value - 1}, **others) == refusal


def test_the_limits_are_those_of_the_contract():
    assert Limits() == DEFAULT_LIMITS
    assert (DEFAULT_LIMITS.max_files, DEFAULT_LIMITS.max_archive_members) == (50_000, 50_000)
    assert (DEFAULT_LIMITS.max_file_bytes, DEFAULT_LIMITS.max_pixel_bytes) == (4 * GIB, 2 * GIB)
    assert (DEFAULT_LIMITS.max_archive_bytes, DEFAULT_LIMITS.max_inflation_ratio) == (8 * GIB, 100)
    assert DEFAULT_LIMITS.max_sequence_depth == 32


def test_stored_members_have_no_ratio(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a": bytes(100_000)}, zipfile.ZIP_STORED)
    assert code(path, inflation_floor_bytes=10) == "E108"
