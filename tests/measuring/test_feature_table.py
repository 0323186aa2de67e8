"""Tables read back: which columns are features, which rows count, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.measuring.feature_table import read_features, write_features
from hounsfield.measuring.run import MeasuringOptions, measure
from hounsfield.measuring.sources import find_sources
from hounsfield.measuring.table import write_table as write_measured
from hounsfield.radiomics import settings_from
from tests.measuring.cases import write_folders
from tests.measuring.tables import TAGS, scan, write_table


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_what_stands_after_the_grey_levels_is_a_feature(tmp_path: Path) -> None:
    found = read_features(write_table(tmp_path / "a.csv", scan(1)))
    assert found.tags == TAGS
    assert found.columns == ("id", "error", "label", "voxels", "grey_levels")
    assert found.values[3, 0] == scan(1)[3]["stat_mean"]
    assert found.keys()[3] == ("case3", "1")


def test_of_a_foreign_table_every_column_of_numbers_is_one(tmp_path: Path) -> None:
    text = "case,batch,original_glcm_Contrast,Mask,age,empty\nx,1,0.5,m.nii,60,\ny,2,,m.nii,70,\n"
    found = read_features(written(tmp_path / "a.csv", text), ("age",))
    assert found.tags == ("original_glcm_Contrast",)
    assert np.isnan(found.values[1, 0])
    assert found.column("batch") == ("1", "2")
    assert found.keys() == (("x", ""), ("y", ""))


def test_rows_of_failed_cases_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = scan(1)
    rows[4] |= {"error": "E963", **dict.fromkeys(TAGS, "")}
    found = read_features(write_table(tmp_path / "a.csv", rows))
    assert (found.values.shape, found.left_out) == ((19, 5), 1)
    assert np.isfinite(found.values).all()


def test_numbers_go_through_a_file_and_back_unrounded(tmp_path: Path) -> None:
    found = read_features(write_table(tmp_path / "a.csv", scan(1)))
    values = found.values.copy()
    values[0, 0], values[1, 1] = 1 / 3, np.nan
    again = read_features(write_features(found.with_values(values), tmp_path / "b.csv"))
    assert again.tags == found.tags
    assert np.array_equal(again.values, values, equal_nan=True)
    with pytest.raises(HounsfieldError, match="E340"):
        write_features(found, tmp_path / "b.csv")


def test_a_table_that_radiomics_wrote_and_its_folder_are_the_same(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 2)
    settings = settings_from({"families": ["intensity-statistics"]}, "x")
    path = write_measured(measure(find_sources(data), MeasuringOptions(settings)), tmp_path / "a.csv")
    table, folder = read_features(path), read_features(data)
    assert table.keys() == folder.keys() == (("case0", "2"), ("case0", "7"), ("case1", "2"), ("case1", "7"))
    places = [folder.tags.index(tag) for tag in table.tags]
    assert np.allclose(table.values, folder.values[:, places], equal_nan=True)
    (tmp_path / "list.csv").write_text(
        "id,image,mask\na,data/images/case0.nii.gz,data/labels/case0.nii.gz\n", encoding="utf-8"
    )
    assert read_features(tmp_path / "list.csv").keys() == (("a", "2"), ("a", "7"))


@pytest.mark.parametrize(
    "text",
    ["", "id\nx\n", "id,a\n", "id,a\nx,1,2\n", "id,a,a\nx,1,2\n", "id,a\nx,word\n", 'id,a\n"x,1\n', "\x00,a\n1,2,3\n"],
)
def test_what_is_no_table_of_features_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_features(written(tmp_path / "a.csv", text))
    assert caught.value.code == "E710"
    assert "a.csv" in caught.value.text("zh")


def test_files_that_are_not_there_or_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("none.csv", "b.csv"):
        with pytest.raises(DatasetError, match="E710"):
            read_features(tmp_path / name)


@pytest.mark.parametrize("column", ["none", "note"])
def test_a_column_that_is_not_there_or_has_gaps_is_refused(tmp_path: Path, column: str) -> None:
    found = read_features(written(tmp_path / "a.csv", "id,note,a\nx,,1\ny,b,2\n"))
    with pytest.raises(DatasetError) as caught:
        found.column(column)
    assert (caught.value.code, caught.value.facts["found"]) == ("E711", column)


def test_rows_need_a_name_to_be_found_again(tmp_path: Path) -> None:
    found = read_features(written(tmp_path / "a.csv", "a,b\n1,2\n"))
    with pytest.raises(DatasetError, match="E711"):
        found.keys()
