"""The table of masked cases: order, selection, errors that do not stop the others, and what is held at once."""

import threading
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cases.masked import MaskedCase, MaskedImage, MaskTable
from hounsfield.core.codes import concept_for
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError, HounsfieldError

GRID = VolumeGeometry((1, 4, 5))


class Memory:
    """Reads a picture whose value is the number in the name of the case; names say what goes wrong."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self.lock = threading.Lock()

    def read(self, case: MaskedCase) -> MaskedImage:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        if case.identifier.startswith("typed"):
            raise DatasetError("E881", case=case.identifier, found="a", expected="b")
        if case.identifier.startswith("value"):
            raise ValueError(case.identifier)
        if case.identifier.startswith("memory"):
            raise MemoryError
        if case.identifier.startswith("bug"):
            raise KeyError(case.identifier)
        number = int(case.identifier)
        volume = Volume(np.full(GRID.shape, number, np.int16), GRID, Quantity.ARBITRARY)
        mask = Mask(np.zeros(GRID.shape, np.uint8), GRID, {1: concept_for("lesion")})
        return MaskedImage((volume,), mask)


def table_of(*names: str, splits: tuple[str | None, ...] = ()) -> MaskTable:
    cases = tuple(
        MaskedCase(name, (Path(name),), Path(name) if index % 2 == 0 else None, None, split)
        for index, (name, split) in enumerate(zip(names, splits or (None,) * len(names), strict=True))
    )
    return MaskTable("memory", ("background", "lesion"), ("image",), cases, (), "pairs", Memory())


def test_cases_come_in_order_whatever_the_threads_do() -> None:
    table = table_of(*map(str, range(40)))
    found = list(table.read_all(workers=4))
    assert [index for index, _ in found] == list(range(40))
    assert [int(image.volumes[0].array[0, 0, 0]) for _, image in found] == list(range(40))


def test_some_cases_come_in_the_order_asked_for() -> None:
    table = table_of(*map(str, range(9)))
    found = list(table.read_all([7, 0, 3]))
    assert [(index, int(image.volumes[0].array.max())) for index, image in found] == [(7, 7), (0, 0), (3, 3)]


@pytest.mark.parametrize(("name", "code"), [("typed", "E881"), ("value", "E818"), ("memory", "E818")])
def test_an_error_keeps_its_place_and_no_other_case(name: str, code: str) -> None:
    table = table_of("1", name, "2")
    found = [image for _, image in table.read_all()]
    assert isinstance(found[1], HounsfieldError)
    assert found[1].code == code
    assert found[1].facts["case"] == name
    assert isinstance(found[0], MaskedImage)
    assert isinstance(found[2], MaskedImage)


def test_a_fault_of_the_code_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        list(table_of("1", "bug", "2").read_all())


def test_reading_waits_for_the_one_who_takes() -> None:
    table = table_of(*map(str, range(60)))
    waiting = table.read_all(workers=2)
    next(waiting)
    assert table.reader.open <= 6
    waiting.close()


def test_parts_are_said_in_their_order() -> None:
    table = table_of("1", "2", "3", splits=("test", None, "training"))
    assert table.declared_parts == ("training", "test")
    assert table.select([1]).declared_parts == ()


def test_cases_without_a_mask_are_known() -> None:
    table = table_of("1", "2", "3")
    assert table.with_mask == (0, 2)
    assert table.select([1, 2]).with_mask == (1,)
    assert len(table.select([])) == 0


def test_nouns_do_not_change() -> None:
    table = table_of("1")
    with pytest.raises(FrozenInstanceError):
        table.cases[0].identifier = "x"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        table.name = "x"  # type: ignore[misc]
    assert replace(table, is_instances=True).is_instances
