"""Cross-validation: groups stay whole, every case is answered once, figures by own sums, the same after a kill."""

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from hounsfield.cases.splits import Fold  # noqa: E402
from hounsfield.cli import main  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, SettingsError  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.train.events import TrainEvent  # noqa: E402
from hounsfield.train.fold_ground import Ground, survey  # noqa: E402
from hounsfield.train.fold_shelf import Shelf  # noqa: E402
from hounsfield.train.folded import CrossValidation, FoldOptions  # noqa: E402
from hounsfield.train.folding import cross_validate  # noqa: E402
from hounsfield.train.judged import HELD_FILE, JudgedClasses  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.plan import Plan, SplitPlan, differences  # noqa: E402
from hounsfield.train.recipe import Recipe, recipe_of_options  # noqa: E402
from tests.train.tiny import blobs, write_npz  # noqa: E402

QUICK = TrainOptions(epochs=2, batch_size=8, threads=1, learning_rate=3e-3, network="article", size=28)
FOLDS = 3


def write_patients(folder: Path, patients: int = 12, each: int = 3) -> Path:
    """Write a manifest of images of patients; a patient has one class, and its number is in no name of a file."""
    images, _ = blobs(2 * patients * each, 9, strength=0.5)
    marked, bare = images[1::2], images[0::2]
    rows = ["path,label,patient"]
    for index in range(patients * each):
        patient = index // each
        label = patient % 2
        pixels = (marked if label else bare)[index][0]
        path = folder / "images" / f"{index * 7 % 211:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255).clip(0, 255).astype(np.uint8)).save(path)
        rows.append(f"images/{path.name},{'blob' if label else 'none'},p{patient}")
    (folder / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shares = "[split]\ntraining = 0.6\ntuning = 0.3\ntest = 0.1\n"
    folder.with_suffix(".toml").write_text(shares, encoding="utf-8")
    return folder


def quick(data: Path, **changes: object) -> TrainOptions:
    """Return options whose tuning part is large enough for a few patients."""
    return replace(QUICK, **{"recipe": data.with_suffix(".toml"), **changes})  # type: ignore[arg-type]


def patients_of(data: Path) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO((data / "cases.csv").read_text(encoding="utf-8")))
    return {Path(row["path"]).name: row["patient"] for row in rows}


def ground_of(data: Path, folds: int, options: TrainOptions = QUICK) -> Ground:
    recipe = options.recipe or (data.with_suffix(".toml") if data.with_suffix(".toml").exists() else None)
    asked = replace(options, fold=Fold(1, folds), name="t", recipe=recipe)
    return survey(data, asked, recipe_of_options(asked), folds, lambda event: None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_patients(tmp_path_factory.mktemp("patients"))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[CrossValidation, list[TrainEvent]]:
    said: list[TrainEvent] = []
    folder = tmp_path_factory.mktemp("out") / "folds"
    return cross_validate(data, folder, FoldOptions(quick(data), FOLDS), said.append), said


def shelf_of(result: CrossValidation) -> Shelf:
    return Shelf(result.report.parent)


def judged_of(result: CrossValidation) -> list[JudgedClasses]:
    found = [shelf_of(result).judged(Fold(number, FOLDS)) for number in range(1, FOLDS + 1)]
    return [item for item in found if isinstance(item, JudgedClasses)]


def area_by_pairs(is_positive: Iterable[bool], scores: Iterable[float]) -> float:
    """Return the share of pairs in their right order, ties half (Mann and Whitney 1947)."""
    rows = list(zip(is_positive, scores, strict=True))
    pairs = [(p, n) for yes, p in rows if yes for no, n in rows if not no]
    return sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs)


# ---- the folds


@pytest.mark.parametrize("folds", [2, 3, 4])
def test_no_patient_is_on_two_sides_and_every_case_is_held_back_once(data: Path, folds: int) -> None:
    ground, patients = ground_of(data, folds), patients_of(data)
    held: list[str] = []
    for parts in ground.chosen:
        sides = [
            {patients[Path(ground.identifiers[index]).name] for index in parts[part]}
            for part in ("training", "tuning", "test")
        ]
        assert not sides[0] & sides[1]
        assert not (sides[0] | sides[1]) & sides[2]
        held += [ground.identifiers[index] for index in parts["test"]]
        assert sum(map(len, parts.values())) == len(ground.identifiers)
    assert sorted(held) == sorted(ground.identifiers)


def test_a_planted_copy_is_held_back_with_its_original(tmp_path: Path) -> None:
    """The same picture under two patients: whoever learns from one would know the other."""
    folder = write_patients(tmp_path)
    twins = sorted((folder / "images").iterdir())[:2]
    twins[1].write_bytes(twins[0].read_bytes())
    ground = ground_of(folder, 3)
    places = [index for index, name in enumerate(ground.identifiers) if Path(name).name in {t.name for t in twins}]
    assert len({ground.groups[index] for index in places}) == 1
    for parts in ground.chosen:
        assert len({part for part, cases in parts.items() if set(cases) & set(places)}) == 1


def test_a_declared_test_part_is_never_looked_at(tmp_path: Path) -> None:
    ground = ground_of(write_npz(tmp_path / "data", training=40, tuning=16, test=20), 4)
    used = {ground.identifiers[index] for parts in ground.chosen for cases in parts.values() for index in cases}
    assert len(used) == 56
    assert not [name for name in used if name.startswith("test")]


def test_another_split_seed_draws_other_folds(data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "other.toml"
    recipe.write_text("[split]\nseed = 3\n", encoding="utf-8")
    first, second = ground_of(data, 3), ground_of(data, 3, replace(QUICK, recipe=recipe))
    assert first.chosen != second.chosen
    assert first.digest != second.digest
    assert first.digest == ground_of(data, 3).digest


def test_too_few_patients_of_a_class_are_refused_with_their_number(tmp_path: Path) -> None:
    folder = write_patients(tmp_path, patients=8)
    with pytest.raises(DatasetError) as caught:
        ground_of(folder, 6)
    assert caught.value.code in {"E610", "E839"}
    labels = (folder / "cases.csv").read_text(encoding="utf-8")
    few = re.sub(r"blob,p(5|7)", r"none,p\1", labels)  # the class "blob" has two patients left
    (folder / "cases.csv").write_text(few, encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        ground_of(folder, 5)
    assert caught.value.code in {"E610", "E839"}


@pytest.mark.parametrize(
    ("folds", "fold", "is_right"),
    [(0, 0, True), (5, 1, True), (5, 5, True), (5, 6, False), (5, 0, False), (0, 1, False), (1, 1, False)],
)
def test_a_split_names_one_of_its_folds(folds: int, fold: int, is_right: bool) -> None:
    if is_right:
        assert SplitPlan(folds=folds, fold=fold).held_back == (Fold(fold, folds) if folds else None)
        return
    with pytest.raises(ValueError, match="fold"):
        SplitPlan(folds=folds, fold=fold)


def test_a_plan_without_folds_keeps_the_digest_that_it_had_before_there_were_any() -> None:
    network = NetworkSettings(name="article", class_count=2, channels=1, rows=28, columns=28)
    plan = Plan(name="t", class_names=("a", "b"), prepare=(), network=network)
    assert plan.deciding()["split"] == {"training": 0.68, "tuning": 0.12, "test": 0.2, "seed": 0}
    folded = plan.model_copy(update={"split": plan.split.of_fold(Fold(2, 4))})
    assert differences(folded, plan) == ("split.fold", "split.folds")
    assert folded.digest() != plan.digest()


def test_the_recipe_of_a_fold_does_not_speak_of_another_test_part() -> None:
    told = Recipe().of_fold(Fold(2, 5))
    assert told.split == SplitPlan(folds=5, fold=2)
    assert told.model.data.split.startswith("fold 2 of 5")


@pytest.mark.parametrize("task", ["regression", "ordinal", "multi-label", "sequence"])
def test_what_is_not_cross_validated_is_refused_by_name(data: Path, task: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ground_of(data, 3, replace(QUICK, task=task))
    assert caught.value.code == "E611"
    assert task in str(caught.value)


def test_one_fold_is_none(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        cross_validate(data, tmp_path / "folds", FoldOptions(QUICK, 1))
    assert caught.value.code == "E830"
    assert not (tmp_path / "folds").exists()


# ---- a whole cross-validation


def test_every_case_is_answered_once_by_a_model_that_never_saw_its_patient(
    finished: tuple[CrossValidation, list[TrainEvent]], data: Path
) -> None:
    result, _ = finished
    patients, judged = patients_of(data), judged_of(result)
    names = [name for item in judged for name in item.identifiers]
    assert len(names) == len(set(names)) == result.case_count == 36
    assert result.group_count == 12
    sides = [{patients[Path(name).name] for name in item.identifiers} for item in judged]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    for number in range(1, FOLDS + 1):
        seen = json.loads((shelf_of(result).run_folder(Fold(number, FOLDS)) / "images.json").read_text("utf-8"))
        digests = [set(seen["parts"][part]) for part in ("training", "tuning", "test")]
        assert not digests[0] & digests[2]
        assert not digests[1] & digests[2]
        assert sum(map(len, digests)) == 36


def test_the_folds_obey_one_plan(finished: tuple[CrossValidation, list[TrainEvent]]) -> None:
    result, _ = finished
    plans = []
    for number in range(1, FOLDS + 1):
        path = shelf_of(result).run_folder(Fold(number, FOLDS)) / "plan.json"
        plans.append(Plan.model_validate(json.loads(path.read_text(encoding="utf-8"))["plan"]))
        assert plans[-1].split.held_back == Fold(number, FOLDS)
    for one, other in pairwise(plans):
        assert set(differences(one, other)) <= {"name", "split.fold", "network.centre", "network.scale"}


def test_pooled_figures_are_those_of_own_sums(finished: tuple[CrossValidation, list[TrainEvent]]) -> None:
    result, _ = finished
    judged = judged_of(result)
    labels = np.concatenate([item.labels for item in judged])
    called = np.concatenate([item.called for item in judged])
    scores = np.concatenate([item.probabilities[:, 1] for item in judged])
    positive = judged[0].positive
    assert positive is not None
    yes = labels == positive
    own = scores if positive == 1 else 1 - scores
    assert result.pooled["auroc"].value == pytest.approx(area_by_pairs(yes, own), abs=1e-12)
    assert result.pooled["accuracy"].value == pytest.approx(np.mean(called == labels), abs=1e-12)
    assert result.pooled["sensitivity"].value == pytest.approx(np.mean(called[yes] == positive), abs=1e-12)
    assert result.pooled["specificity"].value == pytest.approx(np.mean(called[~yes] != positive), abs=1e-12)
    assert result.pooled["brier"].value == pytest.approx(np.mean((own - yes) ** 2), abs=1e-7)
    for fold, item in zip(result.folds, judged, strict=True):
        assert fold.metrics["accuracy"].value == pytest.approx(np.mean(item.called == item.labels))
        assert fold.case_count == len(item)
    each = [fold.metrics["brier"].value for fold in result.folds]
    assert result.between["brier"] == pytest.approx((np.mean(each), np.std(each, ddof=1)))


def test_intervals_are_wider_than_those_of_cases_that_stand_alone(
    finished: tuple[CrossValidation, list[TrainEvent]],
) -> None:
    result, _ = finished
    found = result.pooled["loss"]
    assert found.low < found.value < found.high
    judged = judged_of(result)
    logs = np.concatenate([-np.log(item.probabilities[np.arange(len(item)), item.labels]) for item in judged])
    groups = np.concatenate([item.groups for item in judged])
    sums = np.array([[logs[groups == group].sum(), (groups == group).sum()] for group in np.unique(groups)])
    drawn = np.random.default_rng(0).integers(0, len(sums), (4000, len(sums)))
    means = sums[drawn].sum(1)
    low, high = np.quantile(means[:, 0] / means[:, 1], [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.35 * (high - low))
    assert found.high == pytest.approx(high, abs=0.35 * (high - low))


def test_time_and_folds_are_told_before_the_first_is_trained(
    finished: tuple[CrossValidation, list[TrainEvent]],
) -> None:
    _, said = finished
    keys = [event.key for event in said]
    first = keys.index("ui.folds.fold")
    assert keys.index("ui.folds.drawn") < first
    assert keys.index("ui.folds.time") < first
    assert keys.count("ui.folds.fold") == FOLDS
    drawn = said[keys.index("ui.folds.drawn")]
    assert drawn.facts["cases"] == 36
    assert drawn.facts["groups"] == 12
    assert sum(map(int, str(drawn.facts["sizes"]).split(", "))) == 36
    issues = [event.key for event in said if event.issue]
    assert len(issues) == len(set(issues)), "what is wrong with the data is said once, not for each fold"


def test_documents_say_the_same_as_the_result(finished: tuple[CrossValidation, list[TrainEvent]]) -> None:
    result, _ = finished
    told = json.loads(result.document.read_text(encoding="utf-8"))
    for name, figure in result.pooled.items():
        assert told["pooled"][name] == {"value": figure.value, "low": figure.low, "high": figure.high}
    assert [fold["weights_digest"] for fold in told["folds"]] == [
        open_package(fold.model).identity.weights_digest for fold in result.folds
    ]
    rows = list(csv.DictReader(io.StringIO(result.cases.read_text(encoding="utf-8"))))
    assert len(rows) == result.case_count
    assert sorted({row["fold"] for row in rows}) == ["1", "2", "3"]
    right = sum(row["reference"] == row["called"] for row in rows) / len(rows)
    assert right == pytest.approx(result.pooled["accuracy"].value)
    for row in rows:
        assert float(row["probability blob"]) + float(row["probability none"]) == pytest.approx(1, abs=2e-6)


class Tags(HTMLParser):
    """Counts what a page holds, and fails where it is not well formed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "br", "path", "use", "rect", "circle", "line", "image"}:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if self.stack and self.stack[-1] == tag:
            self.stack.pop()


def test_the_page_is_whole_and_loads_nothing(finished: tuple[CrossValidation, list[TrainEvent]]) -> None:
    result, _ = finished
    page = result.report.read_text(encoding="utf-8")
    tags = Tags(page)
    assert not tags.stack
    assert not [link for link in tags.links if link.startswith(("http", "//"))]
    assert "not a medical device" in page
    assert "交叉验证" in page
    figure = result.pooled["auroc"]
    assert f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]" in page
    assert page.count("<svg") == 2


def test_a_model_of_a_fold_says_which_cases_it_was_tested_on(
    finished: tuple[CrossValidation, list[TrainEvent]],
) -> None:
    result, _ = finished
    manifest = open_package(result.folds[1].model).manifest
    assert manifest.name.endswith("fold-2")
    assert manifest.data.split.startswith("fold 2 of 3")
    assert manifest.data.test == result.folds[1].case_count


# ---- going on


def test_a_killed_cross_validation_goes_on_to_the_identical_end(
    finished: tuple[CrossValidation, list[TrainEvent]], data: Path, tmp_path: Path
) -> None:
    whole, _ = finished
    folder = tmp_path / whole.report.parent.name
    said: list[TrainEvent] = []

    def kill(event: TrainEvent) -> None:
        said.append(event)
        is_second = [item.key for item in said].count("ui.folds.fold") == 2
        if is_second and event.key == "ui.train.epoch" and event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(HounsfieldError) as caught:
        cross_validate(data, folder, FoldOptions(quick(data), FOLDS), kill)
    assert caught.value.code == "E842"
    assert Shelf(folder).done(Fold(1, FOLDS)) is not None
    assert Shelf(folder).done(Fold(2, FOLDS)) is None
    assert not Shelf(folder).report.exists()
    before = Shelf(folder).model(Fold(1, FOLDS)).stat().st_mtime_ns
    said.clear()
    again = cross_validate(data, folder, FoldOptions(quick(data, resume=True, threads=None), FOLDS), said.append)
    keys = [event.key for event in said]
    assert keys.count("ui.folds.kept") == 1
    assert "ui.train.resumed" in keys, "the second fold goes on from its checkpoint"
    assert Shelf(folder).model(Fold(1, FOLDS)).stat().st_mtime_ns == before
    assert [fold.weights_digest for fold in again.folds] == [fold.weights_digest for fold in whole.folds]
    assert again.pooled == whole.pooled
    assert again.cases.read_text(encoding="utf-8") == whole.cases.read_text(encoding="utf-8")


@pytest.mark.parametrize("change", [{"seed": 5}, {"epochs": 3}, {"network": "lenet"}])
def test_another_cross_validation_is_not_gone_on_with(
    finished: tuple[CrossValidation, list[TrainEvent]], data: Path, change: dict[str, object]
) -> None:
    result, _ = finished
    options = quick(data, resume=True, **change)
    with pytest.raises(HounsfieldError) as caught:
        cross_validate(data, result.report.parent, FoldOptions(options, FOLDS))
    assert caught.value.code == "E612"


def test_answers_of_other_cases_are_refused(finished: tuple[CrossValidation, list[TrainEvent]], data: Path) -> None:
    """A fold whose answers lack a case: what is pooled would no longer be all of the data."""
    result, _ = finished
    path = shelf_of(result).run_folder(Fold(2, FOLDS)) / HELD_FILE
    kept = path.read_bytes()
    values = json.loads(kept)
    for name in ("identifiers", "groups", "labels", "probabilities", "called"):
        values[name] = values[name][1:]
    path.write_text(json.dumps(values), encoding="utf-8")
    try:
        with pytest.raises(HounsfieldError) as caught:
            cross_validate(data, result.report.parent, FoldOptions(quick(data, resume=True), FOLDS))
    finally:
        path.write_bytes(kept)
    assert caught.value.code == "E613"


# ---- the verb


def test_the_verb_answers_in_json_and_words(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_npz(tmp_path / "data", training=40, tuning=16)
    words = ["crossvalidate", str(data), "-o", str(tmp_path / "f"), "--folds", "2", "--epochs", "1", "--threads", "1"]
    assert main([*words, "--network", "lenet", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["cases"] == 56
    assert len(answer["folds"]) == 2
    assert Path(answer["report"]).is_file()
    assert "hounsfield" in answer["command"]
    assert main([*words, "--network", "lenet", "--resume", "--language", "zh"]) == 0
    told = capfd.readouterr().out
    assert f"{answer['pooled']['auroc']['value']:.4f}" in told
    assert re.search(r"[\u4e00-\u9fff]", told)
