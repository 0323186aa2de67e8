"""The manifest of a trained model: what it must say, what a recipe may say instead, and what it never says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.core.prediction import Interval, OperatingPoint  # noqa: E402
from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.interface import NetworkInterface  # noqa: E402
from hounsfield.model.manifest import Manifest, read_manifest  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.train.assess import Assessment  # noqa: E402
from hounsfield.train.plan import OutsidePlan, Plan  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.statement import (  # noqa: E402
    Made,
    findings_of,
    machine_name,
    make_manifest,
    slug,
    software_versions,
)
from tests.train.tiny import parts  # noqa: E402

POINT = OperatingPoint(0.4, Interval(0.9, 0.8, 0.95), Interval(0.85, 0.75, 0.9), "tiny, tuning part")
PLAN = Plan(
    name="Tiny Model",
    class_names=("normal", "pneumonia"),
    seed=5,
    prepare=({"step": "resize", "rows": 28, "columns": 28},),
    network=NetworkSettings("article", 2),
)


def assessment(part: str = "tuning") -> Assessment:
    metrics = {"auroc": Interval(0.9, 0.85, 0.95), "ece": Interval(0.1, float("nan"), float("nan"))}
    return Assessment(part, 48, metrics, np.eye(2, dtype=np.int64))


def made(**changes: object) -> Made:
    interface = NetworkInterface(rows=28, columns=28)
    whole = Made(interface, 1.5, (None, POINT), (assessment(),), "hounsfield train data -o m.model")
    return replace(whole, **changes)  # type: ignore[arg-type]


def manifest_of(recipe: dict[str, object] | None = None, has_test: bool = False, **changes: object) -> Manifest:
    read = Recipe.model_validate(recipe or {})
    return make_manifest(PLAN, read, parts(test=20 if has_test else None), "tiny", made(**changes))


def test_manifest_reads_back_as_it_was_written() -> None:
    manifest = manifest_of()
    assert read_manifest(manifest.to_json()) == manifest


def test_facts_of_the_run_are_stated() -> None:
    manifest = manifest_of()
    assert manifest.name == "tiny-model"
    assert manifest.seed == 5
    assert manifest.command == "hounsfield train data -o m.model"
    assert manifest.calibration.temperature == 1.5
    assert (manifest.data.training, manifest.data.tuning, manifest.data.test) == (96, 48, 0)
    assert manifest.data.sources[0].name == "tiny"
    assert manifest.software["torch"]
    assert [step["step"] for step in manifest.prepare] == ["resize"]


def test_classes_carry_concepts_and_operating_points() -> None:
    normal, pneumonia = manifest_of().classes
    assert not normal.is_finding
    assert normal.operating_point is None
    assert pneumonia.is_finding
    assert pneumonia.operating_point is not None
    assert pneumonia.operating_point.threshold == 0.4
    assert pneumonia.predicted_class().concept.value == "233604007"


def test_figures_say_which_part_they_are_of_and_leave_out_unknown_intervals() -> None:
    manifest = manifest_of(has_test=True, assessments=(assessment(), assessment("test")))
    tuning, test = (metric for metric in manifest.metrics if metric.name == "auroc")
    assert "tuning part" in tuning.data_set
    assert "choices were made" in tuning.data_set
    assert "internal test" in test.data_set
    assert tuning.n == 48
    calibration = next(metric for metric in manifest.metrics if metric.name == "ece")
    assert calibration.low is None
    assert calibration.high is None


def test_limits_are_honest_about_data_and_tests() -> None:
    without, with_test = manifest_of(), manifest_of(has_test=True)
    assert any("No part of the data was held back" in limit.en for limit in without.limits)
    assert not any("No part of the data was held back" in limit.en for limit in with_test.limits)
    for limit in without.limits:
        assert limit.zh != limit.en
    assert "96" in without.limits[0].en
    assert "96" in without.limits[0].zh


def test_limits_of_a_recipe_stand_for_the_general_ones() -> None:
    manifest = manifest_of({"model": {"limits": [{"en": "Only cats.", "zh": "仅限猫。"}]}})
    assert [limit.en for limit in manifest.limits] == ["Only cats."]


def test_recipe_facts_win() -> None:
    manifest = manifest_of(
        {
            "model": {
                "version": "2.1.0",
                "task": "chest-xray",
                "licence": "CC0-1.0",
                "purpose": {"en": "A purpose.", "zh": "用途。"},
                "command": "make starters",
                "input": {"modalities": ["DX"], "body_parts": ["chest"], "views": ["PA"]},
                "data": {"sources": [{"name": "Somewhere", "licence": "CC0-1.0"}], "split": "by hand"},
            }
        }
    )
    assert (manifest.version, manifest.task, manifest.licence) == ("2.1.0", "chest-xray", "CC0-1.0")
    assert manifest.purpose.en == "A purpose."
    assert manifest.command == "make starters"
    assert manifest.input.modalities == ["DX"]
    assert [source.name for source in manifest.data.sources] == ["Somewhere"]
    assert manifest.data.split == "by hand"
    assert manifest.data.training == 96


def test_concepts_by_name_or_in_full() -> None:
    whole = {"value": "X1", "scheme": "99HNSF", "meaning": "A thing"}
    classes = [{"name": "normal", "concept": "no-pneumonia"}, {"name": "pneumonia", "concept": whole}]
    first, second = manifest_of({"classes": classes}).classes
    assert first.predicted_class().concept.value == "NO_PNEUMONIA"
    assert second.predicted_class().concept.value == "X1"
    with pytest.raises(SettingsError) as caught:
        manifest_of({"classes": [{"name": "normal", "concept": "unheard of"}]})
    assert "unheard of" in caught.value.text()


@pytest.mark.parametrize("facts", [{"version": "one"}, {"task": "Chest X-Ray"}, {"data": {"split": "x" * 5000}}])
def test_what_a_manifest_cannot_hold_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises((SettingsError, ValueError)):
        manifest_of({"model": facts})


def test_map_or_occlusion_as_the_network_can() -> None:
    assert manifest_of().explanation.method == "occlusion"
    mapped = NetworkInterface(rows=28, columns=28, activation_maps="activation_maps")
    assert manifest_of(interface=mapped).explanation.method == "cam"


def test_outside_score_is_stated_only_when_it_is_in_the_network() -> None:
    interface = NetworkInterface(rows=28, columns=28, activation_maps="activation_maps", outside="outside")
    plan = PLAN.model_copy(update={"outside": OutsidePlan(quantile=0.97, margin=1.2)})
    stated = make_manifest(plan, Recipe(), parts(), "tiny", made(interface=interface)).out_of_distribution
    assert stated is not None
    assert (stated.score, stated.threshold, stated.outside_is) == ("output", 1.0, "above")
    assert "0.97" in stated.note
    assert "1.2" in stated.note
    assert make_manifest(plan, Recipe(), parts(), "tiny", made()).out_of_distribution is None


def test_findings_are_told_by_recipe_or_name() -> None:
    assert findings_of(Recipe(), ("normal", "pneumonia", "notumor", "glioma")) == (False, True, False, True)
    recipe = Recipe.model_validate(
        {"classes": [{"name": "normal", "is_finding": True}, {"name": "x", "is_finding": False}]}
    )
    assert findings_of(recipe, ("normal", "x", "y")) == (True, False, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("My Model", "my-model"), ("  a__b ", "a-b"), ("肺炎", "model"), ("x" * 100, "x" * 64), ("-é-", "model")],
)
def test_slug(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("not_fractured", "not_fractured"), ("肺炎", "肺炎"), ("a<b>\n", "a-b-"), (" é x ", "é x"), ("   ", "class-3")],
)
def test_machine_name(name: str, expected: str) -> None:
    assert machine_name(name, 3) == expected


def test_nothing_of_the_machine_is_in_the_manifest(tmp_path: Path) -> None:
    text = manifest_of().to_json().decode()
    for secret in (str(Path.home()), str(tmp_path), "/work/"):
        assert secret not in text


def test_software_names_what_computes() -> None:
    found = software_versions()
    assert {"hounsfield", "torch", "numpy", "onnx", "onnxruntime"} <= set(found)
