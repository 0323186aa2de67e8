"""The starters that are committed: whole, small, honest about themselves, and as good on the data as they state."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.core.codes import PRIVATE_SCHEME
from hounsfield.image.display import to_display
from hounsfield.metrics.discrimination import auroc
from hounsfield.model.package import ModelPackage, open_package
from hounsfield.model.predictor import Predictor
from hounsfield.model.registry import list_models, starters_folder
from hounsfield.prepare.sequence import apply_steps, build_steps

RECIPES = Path(__file__).resolve().parents[2] / "starters"
NAMES = ("body-part", "brain-mri-tumour", "chest-xray-pneumonia")
LARGEST_BYTES = 6_000_000


@pytest.fixture(params=NAMES)
def package(request: pytest.FixtureRequest) -> ModelPackage:
    return open_package(starters_folder() / f"{request.param}.model")


def recipe_of(name: str) -> dict[str, object]:
    return tomllib.loads((RECIPES / f"{name}.toml").read_text(encoding="utf-8"))


def test_every_starter_is_listed_without_error() -> None:
    found = {summary.name: summary for summary in list_models() if summary.is_starter}
    assert set(NAMES) <= set(found)
    assert all(found[name].error is None for name in NAMES)


def test_starters_are_small() -> None:
    for name in NAMES:
        assert (starters_folder() / f"{name}.model").stat().st_size <= LARGEST_BYTES


def test_nothing_but_packages_lies_beside_them() -> None:
    assert {path.suffix for path in starters_folder().iterdir()} <= {".model", ".py"} or not list(
        starters_folder().glob("*.run")
    )


def test_manifest_is_what_the_recipe_says(package: ModelPackage) -> None:
    manifest, recipe = package.manifest, recipe_of(package.identity.name)
    model = recipe["model"]
    assert isinstance(model, dict)
    assert manifest.version == model["version"]
    assert manifest.task == model["task"]
    assert manifest.licence == model["licence"]
    assert manifest.command == model["command"]
    assert manifest.seed == recipe["seed"]
    assert [step["step"] for step in manifest.prepare] == [step["step"] for step in recipe["prepare"]]  # type: ignore[attr-defined]
    assert len(manifest.limits) == len(model["limits"])


def test_command_names_the_recipe_and_the_data(package: ModelPackage) -> None:
    command = package.manifest.command
    assert command.startswith(("hounsfield train", "python starters/"))
    assert f"--recipe starters/{package.identity.name}.toml" in command


def test_data_and_licences_are_stated(package: ModelPackage) -> None:
    data = package.manifest.data
    assert data.training > 1000
    assert data.tuning > 100
    assert all(source.licence for source in data.sources)
    assert "fracture" not in " ".join(source.name.lower() for source in data.sources)
    assert data.reference_standard
    assert data.population
    assert data.split


def test_figures_have_intervals_and_name_their_part(package: ModelPackage) -> None:
    metrics = package.manifest.metrics
    assert {"auroc", "accuracy", "sensitivity", "specificity", "f1", "brier", "ece", "loss"} <= {
        item.name for item in metrics
    }
    for item in metrics:
        assert item.low is not None
        assert item.high is not None
        assert item.low <= item.value <= item.high
        assert "part" in item.data_set
        assert item.n


def test_limits_are_said_in_both_languages(package: ModelPackage) -> None:
    assert len(package.manifest.limits) >= 3
    for limit in package.manifest.limits:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in limit.zh)
        assert limit.en.isascii() or "×" in limit.en


def test_card_is_for_people_and_says_what_it_is_not(package: ModelPackage) -> None:
    assert "not a medical device" in package.card
    assert package.identity.name in package.card
    assert package.manifest.licence in package.card


def test_maps_are_the_networks_own(package: ModelPackage) -> None:
    assert package.manifest.explanation.method == "cam"
    network = package.manifest.network
    images = np.random.default_rng(0).random((2, 1, network.rows, network.columns)).astype(np.float32)
    outputs = Predictor(package, threads=1).run(images)
    assert outputs["activation_maps"].shape[:2] == (2, len(package.manifest.classes))
    assert min(outputs["activation_maps"].shape[2:]) >= 4


def test_clinical_starters_pass_the_gate_and_code_their_findings() -> None:
    gate = open_package(starters_folder() / "body-part.model").manifest
    kinds = {entry.name for entry in gate.classes}
    for name in ("chest-xray-pneumonia", "brain-mri-tumour"):
        manifest = open_package(starters_folder() / f"{name}.model").manifest
        assert manifest.input.gate is not None
        assert manifest.input.gate.model == "body-part"
        assert set(manifest.input.gate.accepts) <= kinds
        for entry in manifest.classes:
            concept = entry.predicted_class().concept
            assert entry.is_finding == (concept.scheme != PRIVATE_SCHEME)
            assert entry.is_finding == (entry.operating_point is not None)


def scores_on(
    package: ModelPackage, data: Path, split: str | None, at_most: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return logits, labels and class names of some cases, prepared as an analysis prepares them."""
    names = [entry.name for entry in package.manifest.classes]
    table = read_cases(data, names)
    chosen = [index for index, case in enumerate(table.cases) if split is None or case.split == split]
    chosen = chosen[:: max(1, len(chosen) // at_most)]
    steps = build_steps(package.manifest.prepare)
    predictor, rows = Predictor(package, threads=1), []
    for index in chosen:
        prepared, _ = apply_steps(steps, to_display(table.read_volume(table.cases[index])))
        rows.append(predictor.run(predictor.images_of(prepared))["logits"][0])
    return np.stack(rows), table.labels[chosen], names


def test_pneumonia_starter_is_as_good_on_the_given_part_as_it_states(shared_data: Path) -> None:
    package = open_package(starters_folder() / "chest-xray-pneumonia.model")
    logits, labels, names = scores_on(package, shared_data / "chest_xray_pneumonia", "tuning", 1000)
    positive = names.index("pneumonia")
    area = auroc(labels == positive, logits[:, positive] - logits[:, 1 - positive])
    stated = next(item for item in package.manifest.metrics if item.name == "auroc")
    assert area == pytest.approx(stated.value, abs=1e-6)
    assert area >= 0.99
    assert len(labels) == stated.n == 516


def test_brain_starter_knows_the_data_it_comes_from(shared_data: Path) -> None:
    package = open_package(starters_folder() / "brain-mri-tumour.model")
    logits, labels, _ = scores_on(package, shared_data / "brain_mri", None, 200)
    assert float((logits.argmax(1) == labels).mean()) > 0.93
    held_back = [
        item for item in package.manifest.metrics if item.name == "accuracy" and "internal test" in item.data_set
    ]
    assert held_back[0].value >= 0.93


def test_gate_lets_the_right_kinds_in_and_keeps_others_out(shared_data: Path) -> None:
    package = open_package(starters_folder() / "body-part.model")
    names = [entry.name for entry in package.manifest.classes]
    predictor, steps = Predictor(package, threads=1), build_steps(package.manifest.prepare)
    threshold = package.manifest.out_of_distribution
    assert threshold is not None

    tables = {}  # reading a folder of thousands of images for each of them takes half a minute

    def passes(path: Path, kind: str) -> bool:
        table = tables.get(path.parent.parent) or tables.setdefault(path.parent.parent, read_cases(path.parent.parent))
        case = next(case for case in table.cases if case.source.path == path)
        prepared, _ = apply_steps(steps, to_display(table.read_volume(case)))
        outputs = predictor.run(predictor.images_of(prepared))
        return names[int(outputs["logits"].argmax())] == kind and float(outputs["outside"][0]) <= threshold.threshold

    def some(folder: str, count: int = 12) -> list[Path]:
        paths = sorted(path for path in (shared_data / folder).iterdir() if path.is_file())
        return paths[:: max(1, len(paths) // count)]

    assert np.mean([passes(path, "CXR") for path in some("body_part/CXR")]) > 0.9
    assert np.mean([passes(path, "BrainMRI") for path in some("brain_mri/glioma")]) > 0.9
    for folder in ("body_part/Hand", "body_part/AbdomenCT", "fracture_xray/fractured", "breast_ultrasound/benign"):
        assert not any(passes(path, kind) for path in some(folder) for kind in ("CXR", "BrainMRI"))
