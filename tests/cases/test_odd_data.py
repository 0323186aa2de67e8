"""Data sets as people have them: odd pixels, tables, arrays, real DICOM; each read rightly or refused in words."""

import csv
import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from PIL import Image

from hounsfield.cases.guard import examine
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.patients import patient_pseudonym
from hounsfield.cases.table import CaseImage
from hounsfield.core.quantities import Quantity
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.image.display import to_display
from hounsfield.image.phantoms.chest import ChestPhantom, write_chest
from hounsfield.image.phantoms.head import HeadPhantom, write_head
from hounsfield.image.phantoms.writer import PhantomIdentity
from tests.cases.examples import class_folders, codes, picture, save_picture


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def refused(data, class_names=None) -> DatasetError:
    with pytest.raises(DatasetError) as error:
        read_cases(data, class_names)
    assert error.value.text("en")
    assert error.value.next_step("zh")
    return error.value


def test_sixteen_bit_pictures_keep_their_order(tmp_path):
    """A ramp of 16 bits stays a ramp: nothing is cut to its low byte."""
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    save(tmp_path / "a" / "x.png", ramp)
    save(tmp_path / "b" / "y.png", ramp[::-1].copy())
    table = read_cases(tmp_path)
    first, second = (to_display(table.read_volume(case)).array[0] for case in table.cases)
    assert (np.diff(first.ravel()) >= 0).all()
    assert len(np.unique(first)) > 3000
    assert np.allclose(first, second[::-1])


def test_grey_saved_in_other_modes_is_the_same_picture(tmp_path):
    """Grey as L, RGB, RGBA, palette and one-page TIFF: the guard calls four of them copies of the first."""
    grey = picture(3)
    rgb = np.stack([grey] * 3, axis=-1)
    save(tmp_path / "a" / "l.png", grey)
    save(tmp_path / "a" / "rgb.png", rgb)
    save(tmp_path / "b" / "rgba.png", np.concatenate([rgb, np.full_like(grey, 255)[..., None]], axis=-1))
    Image.fromarray(grey).convert("P").save(tmp_path / "b" / "palette.png")
    save(tmp_path / "b" / "page.tif", grey)
    class_folders(tmp_path, {"a/more": 3, "b/more": 3})
    table = read_cases(tmp_path)
    by_name = {case.identifier: case for case in table.cases}
    reference = to_display(table.read_volume(by_name["a/l.png"])).array
    for name in ("a/rgb.png", "b/rgba.png", "b/palette.png", "b/page.tif"):
        shown = to_display(table.read_volume(by_name[name])).array
        assert np.abs(shown - reference).max() <= 1 / 255 + 1e-6, name
    groups = dict(zip(by_name, examine(table).groups, strict=True))
    alike = {groups[name] for name in by_name if "more" not in name}
    assert len(alike) == 1


def test_dicom_class_folders_of_phantoms(tmp_path):
    """Three studies of two people: the patient comes from the header, not from the folder, and without its name."""
    for index, name in enumerate(("A", "B", "A")):
        folder = tmp_path / ("sick" if index < 2 else "well") / f"{index}"
        write_chest(folder, ChestPhantom(), PhantomIdentity(f"DX {index}", f"SECRET-{name}"))
    table = read_cases(tmp_path)
    assert table.counts() == {"sick": 2, "well": 1}
    patients = [case.patient for case in table.cases]
    assert patients[0] == patients[2] != patients[1]
    assert all(patient and "SECRET" not in patient for patient in patients)
    image = table.read(table.cases[0])
    assert isinstance(image, CaseImage)
    assert image.series.modality == "DX"
    assert image.series.body_part_examined == "CHEST"
    examination = examine(table)
    assert examination.groups[0] == examination.groups[2]


def test_a_folder_of_a_series_in_a_table_is_one_case(tmp_path):
    paths = write_head(tmp_path / "mr" / "one", HeadPhantom(), PhantomIdentity("MR A"))
    write_head(tmp_path / "mr" / "two", HeadPhantom(), PhantomIdentity("MR B"))
    rows = "path,label\nmr/one,tumour\nmr/two,none\n"
    (tmp_path / "cases.csv").write_text(rows, encoding="utf-8")
    table = read_cases(tmp_path / "cases.csv")
    volume = table.read_volume(table.cases[0])
    assert volume.geometry.shape[0] == len(paths) > 1


def test_the_pseudonym_tells_issuers_apart_and_shows_no_identifier(tmp_path):
    path = write_chest(tmp_path, ChestPhantom(), PhantomIdentity("DX A"))
    dataset = pydicom.dcmread(path)
    found = []
    for identifier, issuer in (("4711", None), ("4711", "ward"), ("4712", None), (" ", None)):
        dataset.PatientID = identifier
        if issuer:
            dataset.IssuerOfPatientID = issuer
        elif "IssuerOfPatientID" in dataset:
            del dataset.IssuerOfPatientID
        dataset.save_as(path)
        found.append(patient_pseudonym(path))
    assert found[-1] is None
    assert len(set(found)) == 4
    assert {name for name in found if name and "4711" in name} == set()
    assert patient_pseudonym(tmp_path / "absent.dcm") is None


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a table of cases beside ten pictures."""
    for index in range(10):
        save_picture(tmp_path / f"{index}.png", index)

    def write(content: str | bytes):
        path = tmp_path / "cases.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows_of(*extra: str, header: str = "path,label") -> str:
    rows = [f"{index}.png,{'ab'[index % 2]}" + "," * (header.count(",") - 1) for index in range(10)]
    return "\n".join([header, *rows, *extra]) + "\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (rows_of("x\0y.png,b"), "E815"),
        (rows_of().encode("utf-16"), "E815"),
        ("路径,label\n".encode("gbk") + b"0.png,a\n", "E815"),
        (rows_of("../../etc/passwd,b"), "E814"),
        (rows_of("C:/scans/a.png,b").replace("C:/scans", "/scans"), "E814"),
        (rows_of(",b"), "E814"),
        (rows_of(".,b"), "E814"),
        (rows_of("./0.png,b"), "E820"),
        (rows_of("a/../0.png,b"), "E820"),
        ("path;target\n", "E815"),
        ("path,labels\n0.png,a\n", "E813"),
        ("0.png,a\n1.png,b\n", "E813"),
        (rows_of(header="path,label,split").replace("0.png,a,", "0.png,a,learn"), "E821"),
    ],
)
def test_tables_with_a_mistake_name_it(written, content, code):
    assert refused(written(content)).code == code


def test_a_path_that_no_file_system_takes_is_a_missing_file(written):
    table = read_cases(written(rows_of("n" * 5000 + ".png,b")))
    assert len(table) == 10
    assert "Q805" in codes(table.issues)


def test_quotes_line_breaks_and_rare_separators_stay_inside_a_field(written):
    """A note with a line break, a comma, quotes and U+2028 is one field; the csv module wrote it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["path", "label", "note"])
    notes = [
        "two\nlines",
        "a, b",
        'said "so"',
        "line\u2028separator",
        "next\x85line",
        "form\x0cfeed",
        "",
        "x",
        "y",
        "z",
    ]
    for index, note in enumerate(notes):
        writer.writerow([f"{index}.png", "ab"[index % 2], note])
    table = read_cases(written(buffer.getvalue()))
    assert [dict(case.attributes)["note"] for case in table.cases] == notes
    assert table.counts() == {"a": 5, "b": 5}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_every_line_end_and_separator(written, end, sign):
    text = rows_of().replace(",", sign).replace("\n", end)
    assert read_cases(written(text)).counts() == {"a": 5, "b": 5}


def test_patients_and_subgroups_of_a_table(written):
    header = "Image Path,Diagnosis,Patient ID,Sex,Site"
    lines = [header, *(f"{i}.png,{'ab'[i % 2]},p{i // 2},{'MF'[i % 2]},{'north' if i < 5 else ''}" for i in range(10))]
    table = read_cases(written("\n".join(lines)))
    assert len({case.patient for case in table.cases}) == 5
    assert table.cases[0].attributes == (("Sex", "M"), ("Site", "north"))
    assert table.cases[9].attributes == (("Sex", "F"), ("Site", ""))
    groups = examine(table).groups
    assert [groups[index] == groups[index + 1] for index in range(0, 10, 2)] == [True] * 5


def test_a_short_row_has_no_label_and_is_said(written):
    table = read_cases(written(rows_of(header="path,label,site").replace("9.png,b,", "9.png")))
    assert table.cases[9].label is None
    (issue,) = [issue for issue in table.issues if issue.code == "Q807"]
    assert issue.facts["cases"] == "9.png"


def save_arrays(path, images, labels, part="test"):
    np.savez(path, **{f"{part}_images": images, f"{part}_labels": labels})
    return path


@pytest.mark.parametrize(
    ("images", "labels", "code"),
    [
        (np.zeros((4, 8, 8), "u1"), np.array([0, 1, 2, 4_000_000_000], np.uint64), "E806"),
        (np.zeros((4, 8, 8), "u1"), np.array([0, 1, 2, 1000]), "E806"),
        (np.zeros((4, 8, 8), "u1"), np.array([0, 1, 2, 2**63], np.uint64), "E806"),
        (np.zeros((4, 8, 8), "u1"), np.array([0, 1, 1e300, 1.0]), "E806"),
        (np.zeros((4, 8, 8, 4), "u1"), np.array([0, 1, 0, 1]), "E812"),
        (np.zeros((4, 8, 8, 2), "u1"), np.array([0, 1, 0, 1]), "E812"),
        (np.zeros((4, 8, 8), "c8"), np.array([0, 1, 0, 1]), "E812"),
        (np.zeros((4, 8, 8), "S4"), np.array([0, 1, 0, 1]), "E812"),
        (np.zeros((4, 64), "u1"), np.array([0, 1, 0, 1]), "E812"),
        (np.zeros((4, 8, 8), "u1"), np.eye(4, dtype="u1"), "E812"),
        (np.zeros((4, 8, 8), "u1"), np.array([0.5, 1, 0, 1]), "E812"),
        (np.zeros((4, 8, 8), "u1"), np.array(["0", "1", "0", "1"]), "E812"),
        (np.zeros((4, 0, 8), "u1"), np.array([0, 1, 0, 1]), "E812"),
        (np.zeros((5, 8, 8), "u1"), np.array([0, 1, 0, 1]), "E808"),
    ],
)
def test_arrays_of_a_form_that_means_nothing_are_refused(tmp_path, images, labels, code):
    """A label of four thousand million once became as many class names, and all memory with them."""
    assert refused(save_arrays(tmp_path / "x.npz", images, labels)).code == code


def test_a_thousand_classes_are_taken(tmp_path):
    labels = np.array([0, 999, 5, 5])
    table = read_cases(save_arrays(tmp_path / "x.npz", np.zeros((4, 8, 8), "u1"), labels))
    assert len(table.class_names) == 1000


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "i4", "f4", "f8", "?"])
def test_every_type_of_sample_keeps_its_values_up_to_a_scale(tmp_path, kind):
    chance = np.random.default_rng(0)
    raw = chance.integers(0, 2 if kind == "?" else 100, (6, 9, 7)).astype(kind)
    table = read_cases(save_arrays(tmp_path / "x.npz", raw, np.arange(6) % 2))
    for index, case in enumerate(table.cases):
        array = table.read_volume(case).array
        assert array.shape == (1, 9, 7)
        assert np.corrcoef(array.ravel(), raw[index].astype(float).ravel())[0, 1] == pytest.approx(1.0)
    quantity = table.read_volume(table.cases[0]).quantity
    assert quantity is (Quantity.DISPLAY if kind in ("u1", "f4", "f8") else Quantity.ARBITRARY)


def test_parts_of_two_types_are_read_alike(tmp_path):
    """Training rows of 8 bits and test rows of 16 have one scale: neither is divided by 255."""
    path = tmp_path / "x.npz"
    rows = np.full((2, 4, 4), 200)
    np.savez(
        path,
        train_images=rows.astype("u1"),
        train_labels=np.array([0, 1]),
        test_images=rows.astype("u2"),
        test_labels=np.array([0, 1]),
    )
    table = read_cases(path)
    values = {float(table.read_volume(case).array.mean()) for case in table.cases}
    assert values == {200.0}


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" + bytes(400), b"II*\0" + b"\xff" * 64, b"\0" * 128 + b"DICM"],
    ids=["empty", "PNG", "JPEG", "TIFF", "DICOM"],
)
def test_files_with_a_head_and_no_body_are_left_out_by_name(tmp_path, content):
    class_folders(tmp_path, {"a": 12, "b": 12})
    (tmp_path / "a" / "broken.png").write_bytes(content)
    table = read_cases(tmp_path)
    if content:
        examination = examine(table)
        (index,) = examination.unreadable
        assert table.cases[index].identifier == "a/broken.png"
        (issue,) = [issue for issue in examination.issues if issue.code == "Q805"]
        assert "a/broken.png" in issue.text()
    else:
        assert "a/broken.png" in next(issue for issue in table.issues if issue.code == "Q806").text()


def test_a_file_that_goes_away_between_listing_and_reading_is_an_error_of_its_case(tmp_path):
    table = read_cases(class_folders(tmp_path, {"a": 2, "b": 2}))
    (tmp_path / "a" / "000.png").unlink()
    answers = dict(table.read_all())
    assert isinstance(answers[0], HounsfieldError)
    assert all(isinstance(answers[index], CaseImage) for index in (1, 2, 3))


def test_a_reader_that_fails_in_its_own_way_costs_one_case(tmp_path):
    table = read_cases(class_folders(tmp_path, {"a": 2, "b": 2}))

    class Failing:
        def read(self, case):
            if case.identifier.startswith("a"):
                raise MemoryError
            return table.read(case)

    answers = [answer for _, answer in replace(table, reader=Failing()).read_all()]
    assert [type(answer).__name__ for answer in answers] == ["DatasetError"] * 2 + ["CaseImage"] * 2
    assert answers[0].code == "E818"
    assert answers[0].facts["reason"] == "MemoryError"
