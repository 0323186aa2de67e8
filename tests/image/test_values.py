"""Numbers read together are those that pydicom reads one by one."""

import numpy as np
import pytest
from pydicom.valuerep import DSfloat

from hounsfield.image.values import numbers_in


def test_numbers_are_those_of_pydicom() -> None:
    raws = [b"-12.5\\3e2\\ 7 ", b"0\\-0.25\\+1.5\0", b" 1E-3\\.5\\100"]
    expected = [[float(DSfloat(part.strip(" \0"))) for part in raw.decode().split("\\")] for raw in raws]
    found = numbers_in(raws, 3)
    assert found is not None
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "raws", [[], [b""], [b"1\\2"], [b"1\\2\\3\\4"], [b"1\\2\\x"], [b"1\\2\\nan"], [b"1\\2\\inf"], [b"1\\2\\\xff"]]
)
def test_anything_else_is_no_answer(raws: list[bytes]) -> None:
    assert numbers_in(raws, 3) is None
    assert numbers_in([b"1\\2\\3", *raws], 3) is None or not raws
