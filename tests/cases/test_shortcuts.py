"""Shortcuts of files: planted ones of each kind are found and named, and a clean set has none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.data import get_testdata_file

from hounsfield.cases.guard import examine
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.shortcuts import Shortcut, find_shortcuts, shortcut_issues
from hounsfield.cases.traits import read_traits
from tests.cases.examples import class_folders, codes, picture, save_npz

Writer = Callable[[Path, int, bool], object]


def planted(root: Path, write: Writer, count: int = 24, share: float = 1.0) -> Path:
    """Write two classes of pictures; a share of the second is written in the way that tells."""
    for number in range(2 * count):
        is_second = number % 2 == 1
        folder = root / ("ill" if is_second else "well")
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{number // 2:03d}", number, is_second and (number // 2) < share * count)
    return root


def found_in(root: Path) -> dict[str, Shortcut]:
    table = read_cases(root)
    return {shortcut.trait: shortcut for shortcut in find_shortcuts(table, range(len(table)))}


def as_size(path: Path, seed: int, tells: bool) -> None:
    Image.fromarray(picture(seed, 56 if tells else 48)).save(path.with_suffix(".png"))


def as_many_sizes(path: Path, seed: int, tells: bool) -> None:
    Image.fromarray(picture(seed, 60 + seed % 40 if tells else 40 + seed % 20)).save(path.with_suffix(".png"))


def as_format(path: Path, seed: int, tells: bool) -> None:
    Image.fromarray(picture(seed)).save(path, "TIFF" if tells else "PNG")


def as_bits(path: Path, seed: int, tells: bool) -> None:
    array = picture(seed)
    Image.fromarray(array.astype(np.uint16) * 257 if tells else array).save(path.with_suffix(".png"))


def as_colour(path: Path, seed: int, tells: bool) -> None:
    image = Image.fromarray(picture(seed))
    (image.convert("RGB") if tells else image).save(path.with_suffix(".png"))


def as_quality(path: Path, seed: int, tells: bool) -> None:
    Image.fromarray(picture(seed)).save(path.with_suffix(".jpg"), quality=60 if tells else 90)


def as_software(path: Path, seed: int, tells: bool) -> None:
    note = PngInfo()
    note.add_text("Software", "station B" if tells else "station A")
    Image.fromarray(picture(seed)).save(path.with_suffix(".png"), pnginfo=note)


def as_resolution(path: Path, seed: int, tells: bool) -> None:
    Image.fromarray(picture(seed)).save(path.with_suffix(".jpg"), dpi=(96, 96) if tells else (72, 72))


@pytest.mark.parametrize(
    ("write", "trait"),
    [
        (as_size, "size in pixels"),
        (as_many_sizes, "size in pixels"),
        (as_format, "format"),
        (as_bits, "mode"),
        (as_colour, "mode"),
        (as_quality, "JPEG quality"),
        (as_software, "software"),
        (as_resolution, "dpi"),
    ],
)
def test_a_planted_shortcut_is_found(tmp_path: Path, write: Writer, trait: str) -> None:
    examination = examine(read_cases(planted(tmp_path, write)))
    topics = {"rows", "columns", "rows over columns", "size in pixels"}
    telling = {shortcut.trait: shortcut for shortcut in examination.shortcuts if shortcut.kind == "file"}
    shortcut = telling.get(trait) or next(found for name, found in telling.items() if {name, trait} <= topics)
    assert shortcut.score > 0.9
    assert (shortcut.chance, shortcut.p) == (0.5, 0.001)
    assert {name.split("/")[0] for name in shortcut.cases} == {"ill", "well"}
    warned = [issue for issue in examination.issues if issue.code == "Q871"]
    assert shortcut.cases[0] in " ".join(issue.text() for issue in warned)


def test_the_evidence_counts_the_classes_of_each_value(tmp_path: Path) -> None:
    shortcut = found_in(planted(tmp_path, as_software, share=0.75))["software"]
    assert shortcut.values == {"station A": {"ill": 6, "well": 24}, "station B": {"ill": 18, "well": 0}}
    assert shortcut.score == pytest.approx(0.875)
    # the surest come first: none of station B is well
    assert all(name.startswith("ill/") for name in shortcut.cases[:18])
    assert len(shortcut.cases) == 42


def test_the_manufacturer_of_a_dicom_header_is_found(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    for number in range(32):
        dataset.Manufacturer = "A" if number % 2 else "B"
        dataset.PatientID = dataset.PatientName = f"p{number}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        path = tmp_path / ("ill" if number % 2 else "well") / f"{number}.dcm"
        path.parent.mkdir(exist_ok=True)
        dataset.save_as(path)
    found = found_in(tmp_path)
    assert set(found) == {"Manufacturer"}
    assert found["Manufacturer"].score == 1.0


def test_bytes_that_follow_the_content_are_a_note(tmp_path: Path) -> None:
    def write(path: Path, seed: int, tells: bool) -> None:
        noise = np.random.default_rng(seed).integers(0, 40 if tells else 2, (48, 48), dtype=np.uint8)
        Image.fromarray(picture(seed) // 2 + noise).save(path.with_suffix(".png"))

    table = read_cases(planted(tmp_path, write))
    (issue,) = shortcut_issues(find_shortcuts(table, range(len(table))))
    assert (issue.code, issue.severity.value) == ("Q872", "note")


def test_names_that_tell_are_a_note_and_the_label_itself_is_none(tmp_path: Path) -> None:
    for number in range(40):
        name = "ill" if number % 2 else "well"
        for root, stem in (("apart", "siteA_" if number % 2 else "siteB_"), ("spelled", f"{name} ")):
            path = tmp_path / root / name / f"{stem}{number // 2:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(number)).save(path)
    issues = shortcut_issues(tuple(found_in(tmp_path / "apart").values()))
    assert [(issue.code, issue.severity.value) for issue in issues] == [("Q873", "note")]
    assert "siteA_#: ill 20" in issues[0].text()
    assert found_in(tmp_path / "spelled") == {}


@pytest.mark.parametrize("counts", [{"ill": 100, "well": 20}, {"ill": 20, "well": 20}])
def test_counting_the_files_of_a_class_through_tells_nothing(tmp_path: Path, counts: dict[str, int]) -> None:
    assert found_in(class_folders(tmp_path, counts)) == {}


def test_numbers_of_two_ranges_that_are_not_counted_through_tell(tmp_path: Path) -> None:
    for number in range(60):
        path = tmp_path / ("ill" if number % 2 else "well") / f"{(number % 2) * 1000 + 7 * number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture(number)).save(path)
    assert next(iter(found_in(tmp_path).values())).kind == "name"


def test_traits_that_tell_only_together(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)

    def write(path: Path, seed: int, tells: bool) -> None:
        is_ill = seed % 2 == 1
        first, second, third, fourth = (is_ill if chance.random() < 0.7 else not is_ill for _ in range(4))
        note = PngInfo()
        note.add_text("Software", "B" if first else "A")
        array = picture(seed, 50 if second else 48)
        image = Image.fromarray(array).convert("RGB" if third else "L")
        image.save(path.with_suffix(".png"), pnginfo=note, dpi=(96, 96) if fourth else (72, 72))

    shortcuts = found_in(planted(tmp_path, write, count=120)).values()
    together = next(shortcut for shortcut in shortcuts if shortcut.kind == "together")
    assert together.score > max(shortcut.score for shortcut in shortcuts if shortcut.kind == "file") + 0.02
    (issue,) = [issue for issue in shortcut_issues(tuple(shortcuts)) if issue.code == "Q874"]
    assert "software" in issue.text()
    assert "合在一起" in issue.text("zh")


@pytest.mark.parametrize("count", [6, 12, 40])
def test_a_clean_set_of_mixed_files_has_none(tmp_path: Path, count: int) -> None:
    for seed in range(4):
        chance = np.random.default_rng(seed)
        root = tmp_path / str(seed)

        def write(path: Path, number: int, tells: bool, chance: np.random.Generator = chance) -> None:
            note = PngInfo()
            note.add_text("Software", f"station {chance.integers(3)}")
            image = Image.fromarray(picture(number, int(chance.integers(40, 60))))
            if chance.random() < 0.5:
                image.save(path.with_suffix(".png"), pnginfo=note)
            else:
                image.save(path.with_suffix(".jpg"), quality=int(chance.integers(50, 95)))

        assert found_in(planted(root, write, count)) == {}


def test_copies_are_not_counted_as_witnesses(tmp_path: Path) -> None:
    root = planted(tmp_path, as_software, count=5)
    for number in range(40):
        for folder in ("ill", "well"):
            (root / folder / f"copy{number}.png").write_bytes((root / folder / "000.png").read_bytes())
    assert [shortcut for shortcut in examine(read_cases(root)).shortcuts if shortcut.kind == "file"] == []


def test_rows_of_arrays_have_no_traits(tmp_path: Path) -> None:
    table = read_cases(save_npz(tmp_path / "a.npz", train=30, val=10))
    assert read_traits(table) == ()
    assert find_shortcuts(table, range(40)) == ()


@pytest.mark.parametrize("name", ["breast_ultrasound", "chest_xray_pneumonia"])
def test_clean_public_sets_have_none(shared_data: Path, name: str) -> None:
    table = read_cases(shared_data / name)
    assert not {"Q871", "Q874"} & set(codes(shortcut_issues(find_shortcuts(table, range(len(table))))))


def test_the_brain_set_tells_its_healthy_slices_by_their_size(shared_data: Path) -> None:
    table = read_cases(shared_data / "brain_mri")
    found = {shortcut.trait: shortcut for shortcut in find_shortcuts(table, range(len(table)))}
    size = found["size in pixels"]
    assert size.chance == 0.25
    assert size.score > 0.45
    assert size.values["256 x 256"]["glioma"] == 400
    assert size.values["256 x 256"]["notumor"] < 50
    assert size.cases[0].startswith("notumor/")
