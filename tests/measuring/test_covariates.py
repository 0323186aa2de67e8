"""Small rules about names and columns: covariates, places beside a table, tags of the manual."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.cli.radiomics_flags import Beyond
from hounsfield.errors import DatasetError, ModelError, SettingsError
from hounsfield.measuring.feature_table import FeatureTable, table_json
from hounsfield.measuring.habitats import HabitatSettings
from hounsfield.measuring.harmonising import Covariate
from hounsfield.measuring.retest_page import tag_facts
from hounsfield.measuring.robustness import robustness_path
from hounsfield.radiomics.catalogue import ENDINGS, catalogue

PLAIN = Beyond(0, 0, 0, None, False)


def table(column: str, *texts: str) -> FeatureTable:
    about = tuple((text,) for text in texts)
    return FeatureTable("a.csv", (column,), about, ("x",), np.zeros((len(texts), 1)), 2, "digest")


@pytest.mark.parametrize(
    ("texts", "levels", "coded"),
    [
        (("60", "7.5", "-1e2"), (), [[60], [7.5], [-100]]),
        (("f", "m", "f"), ("f", "m"), [[0], [1], [0]]),
        (("II", "I", "III", "II"), ("I", "II", "III"), [[1, 0], [0, 0], [0, 1], [1, 0]]),
        (("1", "2", "x"), ("1", "2", "x"), [[0, 0], [1, 0], [0, 1]]),
        (("same", "same"), ("same",), [[], []]),
    ],
)
def test_numbers_are_one_column_and_words_one_less_than_their_levels(
    texts: tuple[str, ...], levels: tuple[str, ...], coded: list[list[float]]
) -> None:
    found = Covariate.of("c", texts)
    assert found.levels == levels
    assert np.array_equal(found.coded(table("c", *texts)), np.array(coded, dtype=float).reshape(len(texts), -1))
    assert found.width == len(coded[0])


@pytest.mark.parametrize("text", ["inf", "nan", "1e999", "word", ""])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="E711"):
        Covariate("c").coded(table("c", "1", text))


@pytest.mark.parametrize(
    ("case", "name"),
    [("a", "a_label3.nii.gz"), ("sub/ses 1", "sub_ses_1_label3.nii.gz"), ("../x", ".._x_label3.nii.gz")],
)
def test_a_label_map_stands_in_its_folder_whatever_the_case_is_called(tmp_path: Path, case: str, name: str) -> None:
    path = HabitatSettings(2, tmp_path).path(case, 3)
    assert path == tmp_path / name
    assert path.resolve().parent == tmp_path.resolve()
    assert HabitatSettings(2).path(case, 3) is None


def test_what_stands_beside_a_table_is_never_overwritten(tmp_path: Path) -> None:
    output = tmp_path / "f.csv"
    found = Beyond(2, 5, 3, None, False).options(output, ())
    assert (found["perturbations"], found["seed"], found["deep"]) == (2, 5, None)
    assert found["habitats"].folder == tmp_path / "f.habitats"
    assert PLAIN.options(output, ())["habitats"] is None
    robustness_path(output).write_text("mine", encoding="utf-8")
    (tmp_path / "f.habitats").mkdir()
    (tmp_path / "f.habitats" / "a.nii.gz").write_bytes(b"")
    for asked in (Beyond(2, 0, 0, None, False), Beyond(0, 0, 2, None, False)):
        with pytest.raises(SettingsError, match="E340"):
            asked.options(output, ())
    assert PLAIN.options(output, ())["perturbations"] == 0
    assert Beyond(2, 0, 0, None, False).options(tmp_path / "f.json", ())["perturbations"] == 2


def test_a_model_that_is_not_there_is_refused_before_any_work() -> None:
    with pytest.raises(ModelError, match="E501"):
        Beyond(0, 0, 0, "no-such-model", False).options(None, ())


def test_every_tag_of_the_manual_is_found_with_each_ending_and_behind_a_filter() -> None:
    for family, features in catalogue().items():
        for facts in features:
            for ending in ("", *ENDINGS.values()):
                assert tag_facts(facts.tag + ending) == facts, family
                assert tag_facts(f"log_1.5_3D_{facts.tag}{ending}") == facts


def test_an_answer_says_what_was_read_of_a_table() -> None:
    assert table_json(table("id", "a", "b")) == {
        "name": "a.csv", "sha256": "digest", "regions": 2, "left_out": 2, "features": 1,
    }  # fmt: skip
