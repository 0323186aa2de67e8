"""The file of lesions: what it may say, and what it may not."""

import json

import pytest

from hounsfield.clinical.tumour.lesion_file import read_lesions
from hounsfield.clinical.tumour.prompt import Method, Place
from hounsfield.errors import SettingsError

GOOD = """
prior = ["old/report.json"]
non_target = "none"
has_new_lesion = false
liver_mm = [10.0, 20.0, 30.0]

[[lesion]]
name = "T1"
organ = "liver"
role = "target"
click_mm = [[-12.5, 4.0, 110.0]]
outside = [[1, 2, 3]]
box = [1, 2, 3, 4, 5, 6]

[[lesion]]
is_node = true
mask = "nodes.nii.gz"
label = 3
"""


def written(folder, text, name="lesions.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_prompts_masks_and_priors(tmp_path):
    found = read_lesions(written(tmp_path, GOOD))
    first, second = found.lesion
    prompt = first.prompt()
    assert prompt.method is Method.WALKER
    assert prompt.clicks == (Place((-12.5, 4.0, 110.0), is_patient=True),)
    assert prompt.outside == (Place((1, 2, 3)),)
    assert prompt.box == (Place((1, 2, 3)), Place((4, 5, 6)))
    assert (second.is_node, second.label, second.mask) == (True, 3, str(tmp_path / "nodes.nii.gz"))
    assert found.prior == (str(tmp_path / "old/report.json"),)
    assert found.liver_place() == Place((10, 20, 30), is_patient=True)
    assert (found.non_target, found.has_new_lesion, found.suv, found.rule) == ("none", False, "bw", "recist-1.1")


def test_json_says_the_same(tmp_path):
    data = {"lesion": [{"click": [[1, 2, 3]], "method": "grow"}], "liver": [1, 1, 1]}
    found = read_lesions(written(tmp_path, json.dumps(data), "lesions.json"))
    assert found.lesion[0].prompt().clicks == (Place((1, 2, 3)),)
    assert found.liver_place() == Place((1, 1, 1))
    assert found.has_new_lesion is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "lesion"),
        ({"lesion": []}, "lesion"),
        ({"lesion": [{"click": [[1, 2]]}]}, "lesion.0.click"),
        ({"lesion": [{"clik": [[1, 2, 3]]}]}, "clik"),
        ({"lesion": [{"method": "magic"}]}, "method"),
        ({"lesion": [{"fraction": 1.5}]}, "fraction"),
        ({"lesion": [{"role": "index"}]}, "role"),
        ({"lesion": [{"click": [[1, 2, 3]]}], "non_target": "SD"}, "non_target"),
        ({"lesion": [{"label": 0}]}, "label"),
        ([1], "LesionFile"),
    ],
)
def test_what_a_file_may_not_say_is_named(data, says, tmp_path):
    with pytest.raises(SettingsError) as told:
        read_lesions(written(tmp_path, json.dumps(data), "lesions.json"))
    assert told.value.code == "E246"
    assert says in str(told.value.facts["reason"])


@pytest.mark.parametrize("text", ["{", "\u0000", "[[lesion]]\nclick = [[1, 2, nan]]"])
def test_what_cannot_be_read_is_refused(text, tmp_path):
    for name in ("lesions.toml", "lesions.json"):
        with pytest.raises(SettingsError, match="E246"):
            read_lesions(written(tmp_path, text, name))
    with pytest.raises(SettingsError, match="E246"):
        read_lesions(tmp_path / "nowhere.toml")


def test_a_file_beyond_all_measure_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="E246"):
        read_lesions(written(tmp_path, "#" * (2**20 + 1)))


def test_a_lesion_without_a_place_has_no_prompt(tmp_path):
    found = read_lesions(written(tmp_path, '{"lesion": [{"name": "T1"}]}', "lesions.json"))
    with pytest.raises(SettingsError, match="E244"):
        found.lesion[0].prompt()
