"""The same data give the same table: wherever they lie, whoever copied them, in which order files were written."""

import random
import shutil
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cases.boxed import AnnotationDraft, BoxedCase, BoxTable
from hounsfield.cases.boxed_guard import box_issues, split_boxed
from hounsfield.cases.boxed_layouts import read_boxed, with_classes
from hounsfield.cases.boxed_writing import write_coco
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.masked import read_masked
from hounsfield.cases.splits import split_cases
from tests.cases.boxed_examples import SAVERS, contents, save_image, save_yolo
from tests.cases.examples import class_folders, picture, save_picture
from tests.cases.masked_examples import picture_pairs


def folders(root: Path) -> Path:
    return class_folders(root, {"cyst": 6, "stone": 5, "tumor": 4})


def table_file(root: Path) -> Path:
    for index in range(9):
        save_picture(root / f"{index}.png", index)
    rows = [f"{index}.png,{'ab'[index % 2]},p{index // 2}" for index in range(9)]
    (root / "cases.csv").write_text("\n".join(["path,label,patient_id", *rows]), encoding="utf-8")
    return root


def npz_cases(root: Path) -> Path:
    root.mkdir(parents=True)
    for index in range(8):
        np.savez(root / f"{index}.npz", image=picture(index, 16), label=index % 2, patient=f"p{index // 2}")
    return root


WHOLE = {"folders": folders, "table": table_file, "npz": npz_cases}
READERS = {**dict.fromkeys(WHOLE, read_cases), **dict.fromkeys(SAVERS, read_boxed), "masks": read_masked}
WRITERS = {**WHOLE, **SAVERS, "masks": lambda root: picture_pairs(root, 5)}


def facts(table, root: Path) -> list[tuple[object, ...]]:
    """Return all that a table says of its cases, with paths as seen from its own folder."""
    rows = []
    for case in table.cases:
        if isinstance(case, BoxedCase):
            kept = case.annotation
            own = (case.image.relative_to(root), kept.boxes.tolist(), kept.labels.tolist(), kept.is_crowd.tolist())
        elif hasattr(case, "images"):
            own = tuple(path.relative_to(root) for path in (*case.images, case.mask))
        else:
            own = (case.source.path.relative_to(root), case.source.row, case.label)
        rows.append((case.identifier, case.patient, case.split, case.attributes, own))
    return rows


def said(table) -> list[tuple[object, ...]]:
    return [(issue.code, dict(issue.facts)) for issue in table.issues]


def write_again(source: Path, target: Path, seed: int) -> Path:
    """Write every file of a folder anew, in another order and with other dates."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    random.Random(seed).shuffle(files)
    for path in files:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize("layout", sorted(WRITERS))
@pytest.mark.parametrize("name", ["other", "with space", "数据", "a.b", "train"])
def test_a_copy_elsewhere_is_the_same_table(tmp_path, layout, name):
    data = WRITERS[layout](tmp_path / "data")
    copy = write_again(data, tmp_path / "deep" / name, seed=len(name))
    first, second = READERS[layout](data), READERS[layout](copy)
    assert facts(first, data) == facts(second, copy)
    assert said(first) == said(second)
    assert (second.layout, second.name) == (first.layout, "cases" if layout == "table" else name)


@pytest.mark.parametrize("layout", sorted(WRITERS))
def test_hidden_files_and_litter_of_systems_change_nothing(tmp_path, layout):
    data = WRITERS[layout](tmp_path / "data")
    before = facts(READERS[layout](data), data)
    for folder in [data, *(path for path in sorted(data.rglob("*")) if path.is_dir())]:
        for name in (".DS_Store", "._a.png", "Thumbs.db"):
            (folder / name).write_bytes(b"\x00\x05\x16\x07")
    assert facts(READERS[layout](data), data) == before


@pytest.mark.parametrize("layout", sorted(WHOLE))
def test_a_split_follows_the_cases_and_not_the_place(tmp_path, layout):
    data = WHOLE[layout](tmp_path / "data")
    moved = shutil.move(data, tmp_path / "elsewhere") if layout == "npz" else write_again(data, tmp_path / "b", 3)
    tables = [read_cases(moved), read_cases(WHOLE[layout](tmp_path / "anew"))]
    first, second = (split_cases(table, range(len(table)), seed=5) for table in tables)
    assert first == second
    assert len(set(first)) > 1


@pytest.mark.parametrize("layout", sorted(WHOLE))
def test_labels_follow_the_order_of_the_names_that_are_asked_for(tmp_path, layout):
    data = WHOLE[layout](tmp_path / "data")
    if layout == "npz":
        # there labels are numbers, which no order of names moves
        assert [case.label for case in read_cases(data, ("x", "y")).cases] == [index % 2 for index in range(8)]
        return
    plain = read_cases(data)
    meant = [plain.class_names[case.label] for case in plain.cases]
    for names in permutations(plain.class_names):
        table = read_cases(data, names)
        assert [names[case.label] for case in table.cases] == meant
        assert table.counts() == {name: plain.counts()[name] for name in names}


@pytest.mark.parametrize("layout", sorted(SAVERS))
def test_relabelling_boxes_there_and_back_changes_nothing(tmp_path, layout):
    table = read_boxed(SAVERS[layout](tmp_path / "data"))
    wider = with_classes(table, ("other", "DOT", "Cell"))
    assert wider.counts() == {"other": 0, "DOT": 3, "Cell": 3}
    turned = with_classes(table, table.class_names[::-1])
    assert contents(turned) == contents(table)
    assert contents(with_classes(turned, table.class_names)) == contents(table)


@pytest.mark.parametrize("layout", sorted(SAVERS))
def test_coco_that_was_written_is_written_the_same_again(tmp_path, layout):
    table = read_boxed(SAVERS[layout](tmp_path / "data"))
    first = write_coco(table, tmp_path / "first")
    read = with_classes(read_boxed(tmp_path / "first"), table.class_names)
    second = write_coco(replace(read, name=table.name), tmp_path / "second")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [path.name for path in first] == [path.name for path in second]


@pytest.mark.parametrize(
    "names",
    [
        ("images/a.png", "a.png"),
        ("a.png", "images/a.png", "images/a_2.png"),
        ("x:y.png", "x_y.png"),
        ("C:a.png", "b.png"),
        ("x\\y.png", "x/y.png", "x_y.png"),
        ("a\nb.png", "\x1b[31m.png", "'.png", "图.png"),
    ],
    ids=ascii,
)
def test_every_image_keeps_its_own_boxes_through_coco_whatever_it_is_called(tmp_path, names):
    cases = []
    for number, name in enumerate(sorted(names), start=1):
        draft = AnnotationDraft()
        for edge in range(number):
            draft.add((edge, 1.0, edge + 8.0, 9.0 + number), 0)
        cases.append(BoxedCase(name, save_image(tmp_path / "data" / name, number), draft.finish()))
    write_coco(BoxTable("data", ("cell",), tuple(cases), (), "yolo"), tmp_path / "out")
    back = {case.image.read_bytes(): case.annotation.boxes.tolist() for case in read_boxed(tmp_path / "out").cases}
    assert back == {case.image.read_bytes(): case.annotation.boxes.tolist() for case in cases}


@pytest.mark.parametrize("seed", range(6))
def test_faults_of_three_kinds_are_each_found_where_they_were_planted(tmp_path, seed):
    table = read_boxed(save_yolo(tmp_path / "data"))
    chance = np.random.default_rng(seed)
    kinds = chance.integers(0, 4, 40)
    faults = {0: [], 1: [(10, 10, 20, 99)], 2: [(20, 10, 10, 20)], 3: [(2, 2, 12, 12.2)]}
    cases = []
    for index, kind in enumerate(kinds):
        draft = AnnotationDraft()
        for box in [(2, 2, 12, 12), (30, 30, 40, 50), *faults[int(kind)]]:
            draft.add(box, 0)
        cases.append(BoxedCase(f"{index:02d}.png", Path("none"), draft.finish()))
    shapes = np.full((40, 2), (48, 64))
    found = {issue.code: issue.facts["count"] for issue in box_issues(replace(table, cases=tuple(cases)), shapes)}
    planted = {"Q890": int((kinds == 1).sum()), "Q891": int((kinds == 2).sum()), "Q892": int((kinds == 3).sum())}
    assert found == {code: count for code, count in planted.items() if count}


@pytest.mark.parametrize("seed", range(6))
def test_a_split_of_boxes_tears_no_patient_and_loses_no_image(tmp_path, seed):
    chance = np.random.default_rng(seed)
    patients = chance.integers(0, 25, 90)
    cases = []
    for index, patient in enumerate(patients):
        draft = AnnotationDraft()
        for _ in range(chance.integers(0, 3)):
            draft.add((1, 1, 5, 5), int(chance.random() < 0.2))
        cases.append(BoxedCase(f"{index:03d}.png", Path("none"), draft.finish(), f"p{patient}"))
    table = BoxTable("boxes", ("cell", "dot"), tuple(cases), (), "coco")
    shares = {"training": 0.6, "tuning": 0.2, "test": 0.2}
    parts = split_boxed(table, patients.tolist(), shares, seed)
    assert all(
        len({part for part, one in zip(parts, patients, strict=True) if one == who}) == 1 for who in set(patients)
    )
    assert set(parts) == set(shares)
    assert [parts.count(part) / 90 for part in shares] == pytest.approx(list(shares.values()), abs=0.12)
    order = chance.permutation(90)
    turned = split_boxed(table.select(order), patients[order].tolist(), shares, seed)
    assert turned == tuple(parts[index] for index in order)
