"""Settings and manifests that are damaged or hostile end in a code, and names of cases stay unique."""

from pathlib import Path

import pytest

from hounsfield.errors import SettingsError
from hounsfield.measuring.asked import MAX_BYTES, asked_settings
from hounsfield.measuring.sources import find_sources
from hounsfield.radiomics import settings_from
from tests.measuring.cases import labels, samples, write_nifti

HOSTILE = {
    "lists in lists": "a = " + "[" * 50_000,
    "a number of 5000 digits": "spacing_mm = " + "1" * 5_000,
    "tables in tables": "a = " + "{a = " * 5_000,
    "zero byte": 'name = "\x00"',
    "a key twice": 'name = "a"\nname = "b"',
    "a date of no calendar": "name = 2024-13-45",
    "too long": "#" * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_settings_end_in_a_code_in_both_languages(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HOSTILE[name], encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        asked_settings(str(path))
    assert caught.value.code == "E961"
    assert "mine.toml" in caught.value.text("en")
    assert "mine.toml" in caught.value.text("zh")
    assert str(tmp_path) not in caught.value.text("en")


def test_a_folder_and_bytes_of_another_encoding_are_no_settings(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "utf16.toml").write_bytes('name = "a"'.encode("utf-16"))
    for name in ("folder.toml", "utf16.toml"):
        with pytest.raises(SettingsError, match="E961"):
            asked_settings(str(tmp_path / name))


def test_the_mark_that_windows_editors_put_first_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "Mine.TOML"
    path.write_bytes(b'\xef\xbb\xbfname = "mine"\r\nspacing_mm = [1, 1, 1]\r\n')
    assert asked_settings(str(path)) == settings_from({"name": "mine", "spacing_mm": [1, 1, 1]}, "x")


def names(text: str, folder: Path) -> list[str]:
    (folder / "list.csv").write_text("id,image,mask\n" + text, encoding="utf-8")
    return [one.identifier for one in find_sources(folder / "list.csv")]


def test_a_number_that_is_given_is_not_one_that_a_row_has(tmp_path: Path) -> None:
    found = names("a,x.nii,m.nii\na,y.nii,m.nii\na 2,z.nii,m.nii\na,w.nii,m.nii\n", tmp_path)
    assert found == ["a", "a 3", "a 2", "a 4"]
    assert names("a 2,x.nii,m.nii\na,y.nii,m.nii\na,z.nii,m.nii\n", tmp_path) == ["a 2", "a", "a 3"]
    assert names(",x.nii,m.nii\nx.nii,y.nii,m.nii\n,b/x.nii,m.nii\n", tmp_path) == ["x.nii", "x.nii 2", "x.nii 3"]


def test_rows_of_one_name_without_end_are_all_told_apart(tmp_path: Path) -> None:
    found = names("".join(f"a,{row}.nii,m.nii\n" for row in range(300)), tmp_path)
    assert len(set(found)) == 300
    assert found[:2] == ["a", "a 2"]
    assert found[-1] == "a 300"


def test_a_second_mask_does_not_take_the_name_of_another_image(tmp_path: Path) -> None:
    for name in ("lung", "lung 2"):
        write_nifti(tmp_path / "images" / f"{name}.nii.gz", samples())
    for name in ("lung", "lung_mask", "lung 2"):
        write_nifti(tmp_path / "masks" / f"{name}.nii.gz", labels())
    found = find_sources(tmp_path)
    assert {(one.identifier, one.image.name, one.mask.name if one.mask else "") for one in found} == {
        ("lung", "lung.nii.gz", "lung.nii.gz"),
        ("lung 3", "lung.nii.gz", "lung_mask.nii.gz"),
        ("lung 2", "lung 2.nii.gz", "lung 2.nii.gz"),
    }


@pytest.mark.parametrize("text", ["0", "00", "-1", "1.5", "9" * 5_000, "²", "nan", "1e3"])
def test_a_label_that_no_mask_can_hold_is_refused_at_its_row(tmp_path: Path, text: str) -> None:
    """0 is what lies outside every region: measured, it would be taken for one."""
    lines = f"image,mask,label\nx.nii,m.nii,3\ny.nii,m.nii,{text}\n"
    (tmp_path / "list.csv").write_text(lines, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        find_sources(tmp_path / "list.csv")
    assert caught.value.code == "E974"
    assert "list.csv: 3" in caught.value.text("en")
    assert "list.csv: 3" in caught.value.text("zh")


def test_a_label_may_have_zeros_before_it_or_be_left_out(tmp_path: Path) -> None:
    lines = "image,mask,label\nx.nii,m.nii,007\ny.nii,m.nii,\nz.nii,m.nii,65535\n"
    (tmp_path / "list.csv").write_text(lines, encoding="utf-8")
    assert [one.label for one in find_sources(tmp_path / "list.csv", None, 2)] == [7, 2, 65535]
