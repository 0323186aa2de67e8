"""Several series of a case: which columns they are, what was not given, rows that have no case, and refusals."""

import csv

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.several import read_several
from hounsfield.cases.views import AskedView, draw_views, view_table
from hounsfield.errors import DatasetError

ROWS = 60


def write(folder, names=("t1", "t2"), blank=(), lost=(), prefix="path_", extra=()):
    """Write pictures whose grey tells series and case, and a manifest; ``blank`` and ``lost`` are (case, series)."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*(prefix + name for name in names), "patient_id", "label", "site", *extra])
        for index in range(ROWS):
            cells = []
            for place, name in enumerate(names):
                array = np.full((8, 8), 3 * index + 40 * place, dtype=np.uint8)
                array[index % 8, place] = 255
                cells.append("" if (index, name) in blank else f"{name}-{index}.png")
                if (index, name) not in lost:
                    Image.fromarray(array).save(folder / f"{name}-{index}.png")
            writer.writerow([*cells, f"p{index // 2}", "ab"[index % 2], "north"])
    return folder


def code_of(call):
    with pytest.raises(DatasetError) as caught:
        call()
    assert all("{" not in caught.value.text(language) for language in ("en", "zh"))
    return caught.value.code


def test_columns_of_paths_name_the_series():
    assert [view.name for view in draw_views(["path_T1", "Path_t2", "label", "path"])] == ["T1", "t2"]
    assert draw_views(["path_t1", "path", "label"]) == ()
    assert draw_views(["image_width", "image_height"]) == ()


def test_one_label_of_several_series_is_enough(tmp_path):
    several = read_several(write(tmp_path / "data"))
    assert [view.name for view in several.views] == ["t1", "t2"]
    assert [head.name for head in several.heads] == ["label"]
    assert all(view.is_given.all() for view in several.views)
    case = several.table.cases[3]
    assert (case.identifier, case.patient) == ("t1-3.png", "p1")
    assert dict(case.attributes) == {"site": "north"}
    assert not any(issue.code in ("Q930", "Q931", "Q805") for issue in several.table.issues)


def test_a_blank_cell_is_a_series_that_was_not_given(tmp_path):
    several = read_several(write(tmp_path / "data", blank={(2, "t1"), (5, "t2"), (7, "t1"), (7, "t2")}))
    first, second = several.views
    assert len(several.table) == ROWS - 1
    assert np.flatnonzero(~first.is_given).tolist() == [2]
    assert np.flatnonzero(~second.is_given).tolist() == [5]
    assert several.table.cases[2].identifier == "t2-2.png"
    told = {issue.code: issue for issue in several.table.issues}
    assert told["Q930"].facts["found"] == "t1 1, t2 1"
    assert told["Q931"].facts["count"] == 1
    assert all("{" not in told[code].text(language) for code in ("Q930", "Q931") for language in ("en", "zh"))


def test_the_image_of_a_series_is_its_own(tmp_path):
    several = read_several(write(tmp_path / "data", blank={(2, "t2")}))
    table = view_table(several.table, several.views[1])
    image = table.read_volume(table.cases[4]).array
    assert np.median(image) == 3 * 4 + 40
    assert table.cases[2] == several.table.cases[2]


def test_a_file_that_is_missing_was_not_given_and_is_named(tmp_path):
    several = read_several(write(tmp_path / "data", lost={(4, "t2")}))
    assert np.flatnonzero(~several.views[1].is_given).tolist() == [4]
    (issue,) = [issue for issue in several.table.issues if issue.code == "Q805"]
    assert "t2-4.png" in issue.facts["cases"]


def test_a_required_series_leaves_cases_without_it_out(tmp_path):
    data = write(tmp_path / "data", blank={(2, "t1"), (5, "t2")})
    asked = (AskedView("first", "path_t1", is_required=True), AskedView("second", "path_t2"))
    several = read_several(data, series=asked)
    assert [view.name for view in several.views] == ["first", "second"]
    assert len(several.table) == ROWS - 1
    assert several.views[0].is_given.all()
    assert not several.views[1].is_given.all()


def test_any_column_can_be_a_series_when_it_is_asked_for(tmp_path):
    several = read_several(
        write(tmp_path / "data", ("ct", "pet"), prefix=""), series=(AskedView("ct"), AskedView("pet"))
    )
    assert [view.column for view in several.views] == ["ct", "pet"]
    assert [head.name for head in several.heads] == ["label"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ((AskedView("t1", "path_t1"), AskedView("adc")), "E936"),
        ((AskedView("t1", "path_t1"),), "E936"),
        ((AskedView("t1", "path_t1"), AskedView("again", "path_t1")), "E936"),
        ((AskedView("t1", "path_t1"), AskedView("t2", "path_t2"), AskedView("t3", "note", is_required=True)), "E937"),
    ],
)
def test_series_that_the_manifest_does_not_have_are_refused(tmp_path, asked, code):
    data = write(tmp_path / "data", extra=("note",))
    assert code_of(lambda: read_several(data, series=asked)) == code


def test_paths_may_not_leave_the_folder_in_any_series(tmp_path):
    data = write(tmp_path / "data")
    text = (data / "cases.csv").read_text(encoding="utf-8").replace("t2-9.png", "../t2-9.png")
    (data / "cases.csv").write_text(text, encoding="utf-8")
    assert code_of(lambda: read_several(data)) == "E814"


def test_patients_stay_together_across_series(tmp_path):
    from hounsfield.cases.guard import examine

    several = read_several(write(tmp_path / "data"))
    groups = np.array(examine(several.table).groups)
    patients = [case.patient for case in several.table.cases]
    assert all(len(set(groups[[one == patient for one in patients]])) == 1 for patient in set(patients))
