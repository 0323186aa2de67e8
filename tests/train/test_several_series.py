"""Several series of a case learned together: dropout by place, planes, promises, runs, and answers with one missing."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import DatasetError  # noqa: E402
from hounsfield.evaluate.run import EvaluateOptions  # noqa: E402
from hounsfield.evaluate.several import evaluate_several, read_several_for  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.model.several_predictor import SeveralPredictor  # noqa: E402
from hounsfield.train.chance import generator_at  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.parts import Part  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from hounsfield.train.series_dropout import leave_out  # noqa: E402
from hounsfield.train.several.parts import SeveralPart, SeveralParts  # noqa: E402
from hounsfield.train.several.plan import FusionPlan, HeadPlan, SeriesPlan  # noqa: E402
from hounsfield.train.several.series import with_planes  # noqa: E402
from hounsfield.train.several.way import Several  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.several_examples import halves, toy_plan, write_halves  # noqa: E402

QUICK = TrainOptions(epochs=7, batch_size=16, threads=1, learning_rate=3e-3, network="article", task="several")
SERIES = (SeriesPlan(name="t1", column="path_t1"), SeriesPlan(name="t2", column="path_t2"))
NONE = torch.zeros(2, dtype=torch.bool)


def test_each_given_series_is_left_out_as_often_as_asked_and_one_always_stays():
    given = torch.ones(8000, 2, dtype=torch.bool)
    shown = leave_out(given, 0.25, NONE, generator_at(0, "toy"))
    assert shown.any(1).all()
    # both are dropped in 1 of 16 cases, of which one of the two is then shown
    expected = 0.75 + 0.25**2 / 2
    assert shown.float().mean().item() == pytest.approx(expected, abs=0.01)
    assert shown.all(1).float().mean().item() == pytest.approx(0.75**2, abs=0.02)
    lone = shown[~shown.all(1)].float().mean(0)
    assert lone.tolist() == pytest.approx([0.5, 0.5], abs=0.03)


def test_what_was_not_given_is_never_shown_and_what_is_required_never_left_out():
    given = torch.tensor([[True, False], [False, True], [True, True], [False, False]]).repeat(300, 1)
    shown = leave_out(given, 0.9, NONE, generator_at(1, "toy"))
    assert not (shown & ~given).any()
    assert torch.equal(shown.any(1), given.any(1))
    needed = leave_out(given, 0.9, torch.tensor([True, False]), generator_at(1, "toy"))
    assert torch.equal(needed[:, 0], given[:, 0])
    assert torch.equal(leave_out(given, 0.0, NONE, generator_at(1, "toy")), given)


def test_dropout_is_drawn_by_place():
    given = torch.ones(64, 3, dtype=torch.bool)
    none = torch.zeros(3, dtype=torch.bool)
    first, again = (leave_out(given, 0.5, none, generator_at(3, "batch", 1, 2)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, leave_out(given, 0.5, none, generator_at(3, "batch", 1, 3)))


def test_planes_say_what_is_shown_and_blank_the_rest():
    images = torch.rand(2, 2, 3, 3) + 1
    found = with_planes(images, torch.tensor([[True, False], [True, True]]))
    assert found.shape == (2, 4, 3, 3)
    assert (found[0, 1] == 0).all()
    torch.testing.assert_close(found[1, :2], images[1])
    assert found[:, 2:, 0, 0].tolist() == [[1, 0], [1, 1]]


def toy_series(kind="mean", dropout=0.4, count=32):
    (first, second), facts_of = halves(count, 3)
    given = np.ones((count, 2), dtype=bool)
    given[::4, 0] = given[1::4, 1] = False
    images = np.stack([first, second], 1).astype(np.float32) / 255 * given[:, :, None, None]
    none = np.zeros(count, np.int64)
    part = Part(images, none, np.arange(count), tuple(map(str, range(count))), none)
    values = ((2 * facts_of[:, :1] + facts_of[:, 1:]).astype(np.float64),)
    item = SeveralPart(part, values, given)
    plan = toy_plan(
        heads=(HeadPlan(name="label", task="classification", class_names=tuple("abcd")),), class_names=("label",),
        network=NetworkSettings("article", 4, standardise=True),
        fusion=FusionPlan(series=SERIES, kind=kind, dropout=dropout),
    )  # fmt: skip
    return Several(plan, SeveralParts(item, item, None))


@pytest.mark.parametrize("kind", ["attention", "channels"])
@pytest.mark.parametrize("promise", ways.PROMISES)
def test_promises_of_a_way(promise, kind):
    promise(lambda: toy_series(kind))


def test_batches_never_show_what_was_not_given_and_measuring_shows_all_that_was():
    way = toy_series()
    shown = torch.cat([batch.images for batch in way.batches(0)])
    assert shown.shape[1] == way.plan.channels == 4
    planes = shown[:, 2:, 0, 0] == 1
    assert planes.any(1).all()
    assert planes.sum() < way.is_given.sum()
    assert (shown[:, :2][~planes] == 0).all()
    assert (shown[:, :2][planes].flatten(1).std(1) > 0.05).all()
    torch.testing.assert_close(way.tuning_images[:, 2:, 0, 0], way.is_given.float())


def test_what_is_given_is_part_of_the_digest():
    way, zeros = toy_series(), np.zeros(2, np.int64)
    item = SeveralPart(
        Part(np.zeros((2, 2, 4, 4), np.float32), zeros, np.arange(2), ("a", "b"), zeros),
        (np.zeros((2, 1)),), np.array([[True, True], [True, False]]),
    )  # fmt: skip
    other = replace(item, is_given=np.ones((2, 2), dtype=bool))
    assert SeveralParts(item, item, None).digest != SeveralParts(other, other, None).digest
    assert way.data_digest == toy_series("max").data_digest


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    recipe = folder / "recipe.toml"
    recipe.write_text('task = "several"\n[network]\ndropout = 0.2\n', encoding="utf-8")
    said = []
    options = replace(QUICK, recipe=recipe, task="auto")
    result = train(write_halves(folder / "data", 200), folder / "fused.model", options, said.append)
    return result, said, folder, options


def test_fusion_is_better_than_any_series_alone_and_one_missing_leaves_more_than_chance(run):
    predictor = SeveralPredictor(open_package(run[0].model), threads=1)
    (first, second), facts_of = halves(120, 77)
    wanted = 2 * facts_of[:, 0] + facts_of[:, 1]

    def accuracy(names):
        right = 0
        for one, other, label in zip(first, second, wanted, strict=True):
            series = {"t1": one, "t2": other}
            given = {name: (series[name] / series[name].max()).astype(np.float32) for name in names}
            said = predictor.answer_case(given)
            assert set(said.not_given) == {"t1", "t2"} - set(names)
            right += said.heads[0].values.argmax() == label
        return right / len(wanted)

    both, *alone = (accuracy(names) for names in (("t1", "t2"), ("t1",), ("t2",)))
    # one series tells one of two facts: with it alone no answer can be right in more than half of the cases, by chance
    # in a quarter
    assert both > 0.75
    assert all(0.35 < one < 0.65 for one in alone)
    assert both > max(alone) + 0.2


def test_a_run_of_series_says_what_they_are(run):
    result, said, _, _ = run
    manifest = open_package(result.model).manifest
    assert [(entry.name, entry.column, entry.required) for entry in manifest.input.series] == [
        ("t1", "path_t1", False), ("t2", "path_t2", False),
    ]  # fmt: skip
    assert manifest.network.channels == 4
    assert any(event.key == "ui.train.several.fusion-mean" for event in said)
    assert any(event.issue and event.issue.code == "Q930" for event in said)
    assert all("{" not in event.text(language) for event in said for language in ("en", "zh"))
    assert {part.part for part in result.results} == {"tuning, label", "test, label"}


def test_an_evaluation_says_what_was_not_given(run, tmp_path):
    package = open_package(run[0].model)
    data = write_halves(tmp_path / "data", 60, missing=0.5, seed=9)
    several = read_several_for(package.manifest, data)
    found = evaluate_several(package, several, tmp_path / "out", EvaluateOptions(threads=1, resamples=30))
    lacks = {view.name: int((~view.is_given).sum()) for view in several.views}
    assert found.as_json()["not_given"] == {name: count for name, count in lacks.items() if count}
    assert min(lacks.values()) > 5
    assert found.heads[0].count == 60
    lines = (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("identifier,not given,reference label")
    assert sum(line.split(",")[1] == "t2" for line in lines[1:]) == lacks["t2"]
    assert f"t2 {lacks['t2']}" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_channels_need_one_grid(tmp_path):
    from PIL import Image

    data = write_halves(tmp_path / "data", 64, missing=0.0)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 28)).astype(np.uint8)).save(data / "007-t2.png")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('task = "several"\n[fusion]\nkind = "channels"\n', encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        train(data, tmp_path / "no.model", replace(QUICK, recipe=recipe, task="auto", epochs=1))
    assert caught.value.code == "E939"
    assert "007-t1.png" in caught.value.text()
