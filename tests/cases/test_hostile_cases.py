"""Damaged and hostile class folders, tables, arrays and nnU-Net folders: the typed error, or what is left is sound."""

import json
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from openpyxl import Workbook

from hounsfield.cases.excel import sheet_rows
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.masked import is_masked, read_masked
from hounsfield.cases.names import readable
from hounsfield.errors import DatasetError, HounsfieldError
from tests.cases.examples import class_folders, codes, save_npz, save_picture
from tests.cases.masked_examples import noise, save, solid

V2 = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "numTraining": 3, "file_ending": ".nii.gz"}


def table_file(folder: Path, label_of=lambda index: "ab"[index % 2], extra: str = "") -> Path:
    """Write ten pictures and the table that names them."""
    for index in range(10):
        save_picture(folder / f"{index}.png", index)
    path = folder / "cases.csv"
    rows = [f"{index}.png,{label_of(index)}" for index in range(10)]
    path.write_text("\n".join(["path,label", *rows, extra]) + "\n", encoding="utf-8")
    return path


def nnunet(folder: Path, content: object) -> Path:
    for number in range(3):
        save(folder / "imagesTr" / f"c{number}_0000.nii.gz", noise(number, (2, 8, 8)))
        save(folder / "labelsTr" / f"c{number}.nii.gz", solid((4, 16, 16))[1:3, 3:11, 4:12])
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "dataset.json").write_text(text, encoding="utf-8")
    return folder


def code_of(read, data: Path, *more) -> str:
    with pytest.raises(HounsfieldError) as caught:
        read(data, *more)
    caught.value.text().encode("utf-8")
    return caught.value.code


def outcome_of(read, data: Path) -> int | str:
    """Return the number of cases, or the code of the typed error; every other error fails the test."""
    try:
        return len(read(data))
    except DatasetError as error:
        return error.code


def test_labels_of_more_digits_than_python_reads_are_names(tmp_path):
    path = table_file(tmp_path, lambda index: "9" * 5000 if index % 2 else "1")
    assert sorted(map(len, read_cases(path).class_names)) == [1, 5000]
    assert code_of(read_cases, path, ("first", "second")) == "E806"


def test_links_that_lead_to_each_other_are_no_path(tmp_path):
    path = table_file(tmp_path, extra="one.png,a")
    (tmp_path / "one.png").symlink_to(tmp_path / "two.png")
    (tmp_path / "two.png").symlink_to(tmp_path / "one.png")
    assert code_of(read_cases, path) == "E814"


def test_a_link_of_a_table_that_leads_outside_is_refused(tmp_path):
    path = table_file(tmp_path / "data", extra="link.png,a")
    (tmp_path / "data/link.png").symlink_to(save_picture(tmp_path / "secret.png", 50))
    assert code_of(read_cases, path) == "E814"


def test_two_names_of_one_file_are_one_path_twice(tmp_path):
    path = table_file(tmp_path, extra="link.png,b")
    (tmp_path / "link.png").symlink_to(tmp_path / "0.png")
    assert code_of(read_cases, path) == "E820"


@pytest.mark.parametrize("seed", range(8))
def test_changed_bytes_of_a_table_end_typed_or_in_cases_that_are_there(tmp_path, seed):
    path, chance = table_file(tmp_path), random.Random(seed)
    raw = bytearray(path.read_bytes())
    for _ in range(2):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    path.write_bytes(raw)
    outcome = outcome_of(read_cases, path)
    assert outcome in {"E805", "E806", "E813", "E814", "E815", "E820"} or 9 <= outcome <= 11


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.98])
def test_a_cut_npz_is_refused_whole(tmp_path, share):
    path = save_npz(tmp_path / "set.npz", train=12, val=6, test=6)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert code_of(read_cases, path) == "E810"


@pytest.mark.parametrize("name", ["x.npz", "x.csv", "x.xlsx", "train-images-idx3-ubyte", "x.bin"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x08\x03\xff\xff\xff\xff" * 2])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    expected = {"x.npz": "E810", "x.xlsx": "E815", "x.bin": "E801", "train-images-idx3-ubyte": "E874"}
    assert code_of(read_cases, tmp_path / name) == expected.get(name, "E815")


def test_images_and_labels_that_changed_places_are_refused(tmp_path):
    images = np.zeros((6, 4, 4), np.uint8)
    labels = (np.arange(6) % 2).astype(np.uint8)
    np.savez(tmp_path / "set.npz", train_images=labels, train_labels=images)
    assert code_of(read_cases, tmp_path / "set.npz") == "E812"
    head = struct.pack(">HBBIII", 0, 8, 3, 6, 4, 4)
    (tmp_path / "idx").mkdir()
    (tmp_path / "idx/train-labels-idx1-ubyte").write_bytes(head + images.tobytes())
    (tmp_path / "idx/train-images-idx3-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, 6) + labels.tobytes())
    assert code_of(read_cases, tmp_path / "idx") == "E812"


@pytest.mark.parametrize("count", [0, 1])
def test_arrays_of_none_or_one_image_are_no_data_set(tmp_path, count):
    np.savez(
        tmp_path / "set.npz", train_images=np.zeros((count, 4, 4), np.uint8), train_labels=np.zeros(count, np.uint8)
    )
    assert code_of(read_cases, tmp_path / "set.npz") == ("E803" if count else "E812")


@pytest.mark.parametrize(
    "sheet", ["<worksheet/>", "<worksheet", "<!DOCTYPE a [<!ENTITY b 'c'>]><worksheet>&b;</worksheet>"]
)
def test_a_workbook_with_a_sheet_that_is_none_is_refused(tmp_path, sheet):
    book = Workbook()
    book.active.append(["path", "label"])
    book.save(tmp_path / "whole.xlsx")
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as whole, zipfile.ZipFile(tmp_path / "cases.xlsx", "w") as spoilt:
        for name in whole.namelist():
            spoilt.writestr(name, sheet if name.startswith("xl/worksheets/") else whole.read(name))
    assert sheet_rows(tmp_path / "whole.xlsx") == [["path", "label"]]
    assert code_of(read_cases, tmp_path / "cases.xlsx") == "E815"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "tab\there", " leading", "e\u0301", "a'\"b", "#", "%s{found}"])
def test_a_class_folder_of_any_name_is_a_class(tmp_path, name):
    table = read_cases(class_folders(tmp_path / "data", {name: 3, "zebra": 4}))
    assert table.counts() == {name: 3, "zebra": 4}
    assert all(table.read(case).volume.geometry.shape == (1, 48, 48) for case in table.cases[:1])


@pytest.mark.parametrize("number", [0xD800, 0xDBFF, 0xDC00, 0xDD00, 0xDFFF])
def test_halves_of_surrogate_pairs_are_readable_and_told_apart(number):
    text = readable(f"a{chr(number)}b")
    assert text == f"a\\u{number:04x}b"
    assert readable(text) == text


def test_a_pair_of_bytes_that_are_no_utf8_keeps_its_numbers():
    assert readable(b"\xd6\xd0".decode("utf-8", "surrogateescape")) == "\\xd6\\xd0"


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"background": 0, "liver": {"b": 1}}},
        {"labels": {"background": 0, "liver": 1.0}},
        {"labels": {"background": 0, "liver": 70000}},
        {"labels": {"background": 0, "liver": None}},
        {"labels": ["background", "liver"]},
        {"channel_names": ["CT"]},
        {"channel_names": {"zero": "CT"}},
        {"channel_names": {}},
    ],
    ids=str,
)
def test_a_declaration_of_other_types_is_refused(tmp_path, change):
    data = nnunet(tmp_path / "data", V2 | change)
    assert is_masked(data)
    assert code_of(read_masked, data) == "E884"


@pytest.mark.parametrize(
    ("old", "new"), [('"liver": 1', '"liver": ' + "1" * 5000), ('"liver": 1', '"liver": NaN'), ("}", "")]
)
def test_a_declaration_of_other_numbers_or_signs_is_refused(tmp_path, old, new):
    assert code_of(read_masked, nnunet(tmp_path / "data", json.dumps(V2).replace(old, new))) == "E884"


def test_of_a_label_twice_the_last_counts_and_other_values_are_refused_when_read(tmp_path):
    data = nnunet(tmp_path / "data", json.dumps(V2).replace('"liver": 1', '"liver": 1, "liver": 2'))
    table = read_masked(data)
    assert table.label_names == ("background", "liver")
    assert code_of(table.read, table.cases[0]) == "E885"


def test_what_a_declaration_adds_is_passed_over_where_it_means_nothing(tmp_path):
    more = {"training": [{"image": "../../etc/passwd", "label": 5}, 7, None], "patients": {"c0": 3, "c1": "p"}}
    table = read_masked(nnunet(tmp_path / "data", V2 | more | {"parts": {"c0": "learn", "c1": "tuning"}}))
    assert [(case.patient, case.split) for case in table.cases] == [(None, None), ("p", "tuning"), (None, None)]
    assert codes(table.issues) == ["Q800", "Q805"]
    assert all(path.is_relative_to(tmp_path / "data") for case in table.cases for path in case.images)


def test_a_label_of_half_a_surrogate_pair_becomes_text(tmp_path):
    table = read_masked(nnunet(tmp_path / "data", V2 | {"labels": {"background": 0, "l\ud800": 1}}))
    assert table.label_names == ("background", "l\\ud800")


@pytest.mark.parametrize("seed", range(8))
def test_changed_bytes_of_a_declaration_end_typed_or_in_the_cases_of_the_folder(tmp_path, seed):
    text, chance = bytearray(json.dumps(V2).encode()), random.Random(seed)
    for _ in range(2):
        text[chance.randrange(len(text))] = chance.randrange(32, 127)
    outcome = outcome_of(read_masked, nnunet(tmp_path / "data", text.decode()))
    assert outcome in ("E884", 3)


@pytest.mark.parametrize("folder", ["imagesTr", "labelsTr"])
def test_a_link_in_an_nnunet_folder_is_no_file_of_it(tmp_path, folder):
    data = nnunet(tmp_path / "data", V2)
    path = next(iter(sorted((data / folder).iterdir())))
    path.rename(tmp_path / "secret.nii.gz")
    path.symlink_to(tmp_path / "secret.nii.gz")
    table = read_masked(data)
    assert len(table) == (2 if folder == "imagesTr" else 3)
    assert sum(case.mask is None for case in table.cases) == (0 if folder == "imagesTr" else 1)
