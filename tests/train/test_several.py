"""Several heads learned: what is not assessed teaches nothing, weights and skills by hand, promises, whole runs."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from hounsfield.cases.several import read_several  # noqa: E402
from hounsfield.cases.task import LearningTask  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError  # noqa: E402
from hounsfield.evaluate.run import EvaluateOptions  # noqa: E402
from hounsfield.evaluate.several import evaluate_several, read_several_for  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.model.several_predictor import SeveralPredictor  # noqa: E402
from hounsfield.train.foresight import foresee  # noqa: E402
from hounsfield.train.learner import Learner  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from hounsfield.train.several.objective import are_assessed, head_losses, scale_of, weighed  # noqa: E402
from hounsfield.train.several.packing import HeadOutputs, assess_head, head_points, settle_heads  # noqa: E402
from hounsfield.train.several.run import with_scales  # noqa: E402
from hounsfield.train.several.skill import skill_of  # noqa: E402
from hounsfield.train.several.way import Several, SeveralBatch, raw_answers, standard_targets, told_and_known  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.several_examples import HEADS, KINDS, facts, toy_parts, toy_plan, write_facts  # noqa: E402

QUICK = TrainOptions(epochs=8, batch_size=16, threads=1, learning_rate=3e-3, network="article", task="several")
KIND, BAR, GRADE, SIGNS = HEADS
PLAN = toy_plan()
NAN = float("nan")


def drawn(count=12, seed=0):
    """Return logits of all heads, and whole targets of each."""
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, PLAN.slices[-1].stop, generator=chance)
    place = torch.arange(count)
    signs = torch.stack([place % 2, place // 2 % 2], 1).float()
    return logits, [
        (place % 3).float()[:, None],
        torch.randn(count, 1, generator=chance),
        (place % 4).float()[:, None],
        signs,
    ]


def losses_of(logits, targets, plan=PLAN):
    return head_losses(plan, logits, *told_and_known(targets))


def blanked(batch, places):
    """Return a batch in which some heads were not assessed; what stands in their place is far off."""
    targets = [torch.full_like(own, 1.0) if place in places else own for place, own in enumerate(batch.targets)]
    known = [torch.zeros_like(own) if place in places else own for place, own in enumerate(batch.is_known)]
    return SeveralBatch(batch.images, tuple(targets), tuple(known))


def test_outputs_of_heads_follow_each_other():
    assert [head.output_count for head in HEADS] == [3, 1, 3, 2]
    assert [(own.start, own.stop) for own in PLAN.slices] == [(0, 3), (3, 4), (4, 7), (7, 9)]
    assert len({head.key for head in HEADS}) == 4


def test_losses_of_heads_are_torchs():
    logits, targets = drawn()
    found = losses_of(logits, targets)
    torch.testing.assert_close(found[0], functional.cross_entropy(logits[:, :3], targets[0][:, 0].long()))
    torch.testing.assert_close(found[1], functional.smooth_l1_loss(logits[:, 3:4], targets[1]))
    torch.testing.assert_close(found[3], functional.binary_cross_entropy_with_logits(logits[:, 7:], targets[3]))


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_a_head_that_a_batch_knows_nothing_of_has_no_gradient_and_the_others_have_theirs(place, weighting):
    way = Several(toy_plan(weighting=weighting), toy_parts(missing=0.0))
    network = way.build().train()
    batch = next(way.batches(0))
    way.loss(network, blanked(batch, {place})).loss.backward()
    for index, own in enumerate(PLAN.slices):
        gradients = (network.classifier.last.weight.grad[own], network.classifier.last.bias.grad[own])
        assert all((item == 0).all() if index == place else (item != 0).any() for item in gradients)
        if weighting == "uncertainty":
            assert (network.log_variance.grad[index] == 0) == (index == place)


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_a_batch_of_which_nothing_was_assessed_moves_no_weight(weighting):
    way = Several(toy_plan(weighting=weighting), toy_parts())
    network = way.build().train()
    batch = next(way.batches(0))
    step = way.loss(network, blanked(batch, range(4)))
    assert float(step.loss.detach()) == 0
    step.loss.backward()
    assert all((weight.grad == 0).all() for weight in network.parameters() if weight.grad is not None)


def test_one_blank_target_is_as_if_its_image_were_not_there_for_that_head():
    logits, targets = drawn()
    for place, own in enumerate(PLAN.slices):
        blank = [wanted.clone() for wanted in targets]
        blank[place][0] = NAN
        found = losses_of(logits, blank)
        alone = losses_of(logits[1:], [wanted[1:] for wanted in targets])
        torch.testing.assert_close(found[place], alone[place])
        moved = logits.clone()
        moved[0, own] = 50.0
        torch.testing.assert_close(losses_of(moved, blank)[place], found[place])
        others = [index for index in range(4) if index != place]
        torch.testing.assert_close(found[others], losses_of(logits, targets)[others])


def test_a_label_that_was_not_assessed_is_neither_present_nor_absent():
    logits, targets = drawn()
    signs = targets[3].clone()
    signs[:, 1] = NAN
    found = losses_of(logits, [*targets[:3], signs])[3]
    torch.testing.assert_close(found, functional.binary_cross_entropy_with_logits(logits[:, 7], targets[3][:, 0]))


def test_fixed_weights_are_a_mean_over_all_heads_and_a_missing_one_does_not_make_the_others_louder():
    plan = toy_plan(heads=(replaced(KIND, weight=3.0), *HEADS[1:]))
    losses = torch.tensor([1.0, 2.0, 4.0, 8.0])
    assert float(weighed(losses, torch.ones(4), plan, None)) == pytest.approx((3 + 2 + 4 + 8) / 6)
    assert float(weighed(losses, torch.tensor([0.0, 1, 1, 1]), plan, None)) == pytest.approx((2 + 4 + 8) / 6)


def test_learned_weights_are_those_of_kendall_and_lead_to_twice_the_loss():
    losses, log_variance = torch.tensor([0.5, 2.0, 0.1, 1.0]), torch.zeros(4)
    value = weighed(losses, torch.ones(4), PLAN, log_variance)
    assert float(value) == pytest.approx(float(losses.mean()))
    # exp(-s) loss + s / 2 is least at exp(s) = 2 loss, below and above it the slope leads there
    for shift, sign in ((0.0, 0), (0.3, 1), (-0.3, -1)):
        place = ((2 * losses).log() + shift).requires_grad_()
        weighed(losses, torch.ones(4), PLAN, place).backward()
        torch.testing.assert_close(place.grad.sign() * (place.grad.abs() > 1e-6), torch.full((4,), float(sign)))


def test_a_learned_weight_moves_in_training_only_where_its_head_is_assessed():
    parts = toy_parts(missing=0.0)
    bare = np.full_like(parts.training.values[2], NAN)
    values = (*parts.training.values[:2], bare, parts.training.values[3])
    way = Several(toy_plan(weighting="uncertainty"), replace(parts, training=replace(parts.training, values=values)))
    learner = Learner(way)
    for batch in way.batches(0):
        learner.learn(batch, 1e-2)
    moved = learner.network.log_variance.detach()
    assert moved[2] == 0
    assert (moved[[0, 1, 3]] != 0).all()


def replaced(head, **changes):
    return head.model_copy(update=changes)


def test_the_loss_of_knowing_nothing_is_that_of_the_best_constant_answer():
    chance = np.random.default_rng(0)
    kinds = chance.integers(0, 3, (400, 1)).astype(float)
    kinds[::5] = NAN
    known = kinds[np.isfinite(kinds)].astype(int)
    shares = np.bincount(known) / len(known)
    constant = torch.tensor(np.log(shares)).repeat(400, 1).float()
    one = toy_plan(heads=(KIND,))
    expected = float(losses_of(constant, [torch.tensor(kinds).float()], one)[0])
    assert scale_of(KIND, kinds) == pytest.approx(expected, rel=1e-4)
    numbers = chance.normal(12, 6, (400, 1))
    standard = torch.tensor((numbers - 12) / 6)
    expected = float(functional.huber_loss(torch.zeros_like(standard), standard))
    assert scale_of(BAR, numbers) == pytest.approx(expected, rel=1e-4)
    signs = (chance.random((400, 2)) < (0.1, 0.5)).astype(float)
    logits = torch.logit(torch.tensor(signs.mean(0))).repeat(400, 1)
    expected = float(functional.binary_cross_entropy_with_logits(logits, torch.tensor(signs)))
    assert scale_of(SIGNS, signs) == pytest.approx(expected, rel=1e-4)
    assert scale_of(KIND, np.zeros((5, 1))) == 1e-3


def test_scales_come_from_the_training_part_alone():
    parts = toy_parts()
    plan = with_scales(PLAN, parts.training.values)
    bars = parts.training.values[1]
    assert plan.heads[1].centre == pytest.approx(np.nanmean(bars))
    assert plan.heads[1].scale == pytest.approx(np.nanstd(bars))
    assert all(0.1 < head.loss_scale < 1.5 for head in plan.heads)
    assert plan.digest() != PLAN.digest()


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_skill_is_one_for_the_truth_and_none_for_an_answer_that_is_always_the_same(head):
    chance = np.random.default_rng(1)
    count = len(head.class_names)
    if head is SIGNS:
        reference = (chance.random((200, 2)) < 0.4).astype(float)
        truth, same = reference, np.zeros_like(reference)
    elif head is BAR:
        reference = chance.normal(12, 6, (200, 1))
        truth, same = reference, np.full_like(reference, head.centre)
    else:
        reference = chance.integers(0, count, (200, 1)).astype(float)
        truth = np.log(np.eye(count)[reference[:, 0].astype(int)] + 1e-9)
        same = np.log(np.full((200, count), 1 / count))
    assert skill_of(head, reference, truth) == pytest.approx(1, abs=1e-6)
    assert skill_of(head, reference, same) == pytest.approx(0, abs=1e-6)
    blank = np.where(np.arange(200)[:, None] % 2, NAN, reference)
    spoiled = np.where(np.arange(200)[:, None] % 2, -truth - 5, truth)
    assert skill_of(head, blank, spoiled) == pytest.approx(1, abs=1e-6)
    assert skill_of(head, np.full_like(reference, NAN), truth) is None
    assert skill_of(head, np.zeros_like(reference), truth) is None


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
@pytest.mark.parametrize("promise", ways.PROMISES)
def test_promises_of_a_way(promise, weighting):
    promise(lambda: Several(toy_plan(weighting=weighting), toy_parts()))


def test_targets_are_part_of_the_digest():
    assert toy_parts().digest == toy_parts().digest
    assert toy_parts().digest != toy_parts(missing=0.3).digest


def test_measuring_counts_each_head_by_its_weight_and_leaves_out_what_cannot_be_judged():
    parts = toy_parts(missing=0.0)
    way = Several(PLAN, parts)
    network = way.build().eval()
    figures = way.measure(network).figures
    assert figures["skill"] == pytest.approx(np.mean([figures[f"skill-{head.name}"] for head in HEADS]))
    heavy = Several(toy_plan(heads=(replaced(KIND, weight=5.0), *HEADS[1:])), parts)
    told = [figures[f"skill-{head.name}"] for head in HEADS]
    assert heavy.measure(network).figures["skill"] == pytest.approx(np.average(told, weights=[5, 1, 1, 1]))
    bare = (np.zeros_like(parts.tuning.values[0]), *parts.tuning.values[1:])
    assert (
        "skill-kind"
        not in Several(PLAN, replace(parts, tuning=replace(parts.tuning, values=bare))).measure(network).figures
    )


def test_settling_brings_each_head_to_its_unit_and_leaves_its_neighbours_alone():
    parts = toy_parts()
    way = Several(PLAN, parts)
    classifier = way.build().classifier.eval()
    images = way.tuning_images
    with torch.no_grad():
        before = classifier(images)
    temperatures = settle_heads(classifier, PLAN, parts.tuning)
    with torch.no_grad():
        after = classifier(images)
    torch.testing.assert_close(after[:, 3:4], before[:, 3:4] * 6 + 12)
    torch.testing.assert_close(after[:, 4:7], before[:, 4:7])
    shift = after[:, :3] - before[:, :3]
    torch.testing.assert_close(shift, shift[:1].expand_as(shift), rtol=1e-3, atol=1e-4)
    assert temperatures[1] == temperatures[3] == 1
    outputs = HeadOutputs(classifier, PLAN)(images)
    assert [tuple(item.shape) for item in outputs] == [(48, 3), (48, 1), (48, 4), (48, 2)]
    torch.testing.assert_close(outputs[2].exp().sum(1), torch.ones(48))


def test_operating_points_are_set_where_both_outcomes_were_assessed():
    wanted = np.array([[0.0], [1.0], [NAN], [0.0], [1.0]])
    said = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0, 0, 1], [0.9, 0.05, 0.05], [0.3, 0.6, 0.1]])
    points = head_points(KIND, wanted, said, PLAN, "toy")
    assert [point is None for point in points] == [False, False, True]
    assert 0.3 < points[0].threshold <= 0.8
    assert points[0].sensitivity.value == points[0].specificity.value == 1
    assert head_points(GRADE, wanted, said, PLAN, "toy") == (None,) * 4


def test_a_head_is_assessed_on_its_own_cases():
    parts = toy_parts()
    item = parts.tuning
    known = np.isfinite(item.values[0][:, 0])
    said = np.eye(3)[np.nan_to_num(item.values[0][:, 0], nan=1).astype(int)] * 0.9 + 0.03
    found = assess_head("tuning", PLAN, 0, item, said)
    assert (found.head, found.case_count) == ("kind", int(known.sum()))
    assert found.metrics["accuracy"].value == 1
    assert found.confusion.sum() == known.sum()
    assert item.counts()[0] == known.sum() < len(item.part)


def test_answers_before_calibration_are_in_the_unit_of_the_head():
    logits, _ = drawn()
    assert raw_answers(BAR, logits[:, 3:4])[0, 0] == pytest.approx(float(logits[0, 3]) * 6 + 12)
    np.testing.assert_allclose(raw_answers(KIND, logits[:, :3]).sum(1), 1)
    standard = standard_targets((BAR,), (np.array([[18.0], [NAN]]),))[0]
    assert float(standard[0, 0]) == 1
    assert torch.isnan(standard[1, 0])
    assert are_assessed([torch.tensor([[False], [True]]), torch.tensor([[False]])]).tolist() == [1, 0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    recipe = folder / "recipe.toml"
    recipe.write_text(
        '[[heads]]\nname = "what"\ncolumns = ["kind"]\n\n[[heads]]\nname = "bar"\nunit = "mm"\n', encoding="utf-8"
    )
    said = []
    options = replace(QUICK, recipe=recipe, task="auto")
    result = train(write_facts(folder / "data", 180), folder / "two.model", options, said.append)
    return result, said, folder, options


def test_two_heads_with_missing_targets_are_both_learned(run):
    result, said, folder, _ = run
    told = {part.part: part for part in result.results}
    assert set(told) == {"tuning, what", "tuning, bar", "test, what", "test, bar"}
    assert told["test, what"].metrics["accuracy"][0] > 0.75
    _, _, heights = facts(180)
    assert told["test, bar"].metrics["mean_absolute_error"][0] < 0.6 * np.abs(heights - heights.mean()).mean()
    manifest = open_package(result.model).manifest
    sizes = manifest.data.test
    assert all(told[f"test, {name}"].case_count < sizes for name in ("what", "bar"))
    reasons = [event.text() for event in said if event.key.startswith("ui.train.several")]
    assert len(reasons) == 3
    assert all("{" not in event.text(language) for event in said for language in ("en", "zh"))
    page = result.report.read_text(encoding="utf-8")
    assert ": what (n = " in page
    assert (folder / "two.model.run" / "confusion-test-what.svg").exists()
    assert (folder / "two.model.run" / "learning-curve-skill-bar.svg").exists()


def test_the_package_states_each_head_and_its_figures(run):
    package = open_package(run[0].model)
    manifest = package.manifest
    assert (manifest.answer, manifest.task) == ("several", "several")
    assert [(head.name, head.answer, head.unit, head.columns) for head in manifest.heads] == [
        ("what", "class", "", ["kind"]), ("bar", "number", "mm", ["bar"]),
    ]  # fmt: skip
    assert manifest.network.outputs == ("logits-what", "logits-bar")
    assert [entry.name for entry in manifest.heads[0].classes] == list(KINDS)
    assert [entry.is_finding for entry in manifest.heads[0].classes] == [True, True, False]
    assert manifest.metrics[0].name == "what: auroc"
    assert "test part" in manifest.metrics[0].data_set
    assert {metric.n for metric in manifest.metrics if metric.name.startswith("bar")} == {
        part.case_count for part in run[0].results if part.part.endswith("bar")
    }
    assert "### bar: number, in mm" in package.card
    assert "task several" in manifest.command or "recipe" in manifest.command


def test_the_predictor_answers_each_head_without_torch(run):
    predictor = SeveralPredictor(open_package(run[0].model), threads=1)
    images, kinds, heights = facts(40, 5)
    scaled = (images[:, None] / images.max((1, 2))[:, None, None, None]).astype(np.float32)
    what, bar = predictor.run(scaled)
    assert (what.argmax(1) == kinds).mean() > 0.7
    np.testing.assert_allclose(what.sum(1), 1, atol=1e-6)
    assert np.corrcoef(bar[:, 0], heights)[0, 1] > 0.7
    first, second = predictor.answer(scaled[3])
    assert (first.head.name, second.head.name) == ("what", "bar")
    np.testing.assert_array_equal(first.values, what[3])


def test_the_same_seed_gives_the_same_package_after_an_interruption_too(run, tmp_path):
    folder, options = tmp_path, run[3]
    write_facts(folder / "data", 90, missing=0.2)
    short = replace(options, epochs=2)

    def stop(event):
        if event.key == "ui.train.epoch.targets" and event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(HounsfieldError) as caught:
        train(folder / "data", tmp_path / "torn.model", short, stop)
    assert caught.value.code == "E842"
    resumed = train(folder / "data", tmp_path / "torn.model", replace(short, resume=True))
    whole = train(folder / "data", tmp_path / "whole.model", short)
    assert resumed.weights_digest == whole.weights_digest
    with pytest.raises(HounsfieldError) as caught:
        train(folder / "data", tmp_path / "torn.model", replace(short, resume=True, batch_size=8))
    assert caught.value.code == "E836"


def test_an_evaluation_gives_the_figures_of_each_head_on_its_own_cases(run, tmp_path):
    package = open_package(run[0].model)
    data = write_facts(tmp_path / "data", 90, seed=11)
    several = read_several_for(package.manifest, data)
    found = evaluate_several(package, several, tmp_path / "out", EvaluateOptions(threads=1, resamples=60))
    what, bar = found.heads
    assert (what.count, bar.count) == tuple(several.is_assessed.sum(0))
    assert what.count < 90
    known = what.answered.is_assessed
    accuracy = (what.answered.said.argmax(1) == what.answered.reference[:, 0])[known].mean()
    assert what.measures["accuracy"].value == pytest.approx(accuracy)
    assert what.measures["auroc"].low <= what.measures["auroc"].value <= what.measures["auroc"].high
    told = found.as_json()
    assert told["heads"][1]["n"] == bar.count
    assert "bar: mean_absolute_error" in told["metrics"]
    assert told["research_use_only"] is True
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"bar (mm) · n = {bar.count}" in page
    lines = (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("identifier,not given,reference what,model what cyst")
    assert len(lines) == 1 + len(found.identifiers)


def test_data_with_some_of_the_heads_are_evaluated_for_those(run, tmp_path):
    package = open_package(run[0].model)
    images, kinds, _ = facts(40, 12)
    from tests.train.several_examples import write_table

    data = write_table(tmp_path / "one", images, {"kind": [KINDS[kind] for kind in kinds]})
    found = evaluate_several(
        package, read_several_for(package.manifest, data), None, EvaluateOptions(threads=1, resamples=20)
    )
    assert [head.name for head in found.heads] == ["what"]
    other = write_table(tmp_path / "none", images, {"colour": ["red", "blue"] * 20})
    with pytest.raises(DatasetError) as caught:
        read_several_for(package.manifest, other)
    assert caught.value.code == "E851"


def test_a_target_that_never_varies_is_refused(tmp_path):
    images, kinds, _ = facts(80)
    from tests.train.several_examples import write_table

    columns = {"kind": [KINDS[kind] for kind in kinds], "oedema": ["0", "1"] * 40, "cyst": ["0"] * 80}
    data = write_table(tmp_path / "data", images, columns)
    with pytest.raises(DatasetError) as caught:
        train(data, tmp_path / "no.model", QUICK)
    assert caught.value.code == "E856"
    assert "cyst" in caught.value.text()


def test_a_plan_of_several_heads_says_what_each_was_assessed_of(tmp_path):
    data = write_facts(tmp_path / "data", 120)
    foresight = foresee(data, replace(QUICK, epochs=None, seed=3))
    several = read_several(data)
    names = [head.name for head in several.heads]
    assert foresight.data.task is LearningTask.SEVERAL
    assert foresight.data.counts == dict(zip(names, several.is_assessed.sum(0).tolist(), strict=True))
    assert sum(part["kind"] for part in foresight.data.parts.values()) == foresight.data.counts["kind"]
    assert foresight.data.left_out == (~several.is_assessed.any(1)).sum()
    assert [head.name for head in foresight.plan.heads] == names
    assert all(head.loss_scale != 1 for head in foresight.plan.heads)
    assert foresight.memory.total_bytes > 120 * 28 * 28 * 4
    said = [reason.text(language) for reason in foresight.plan.reasons for language in ("en", "zh")]
    assert not any("{" in text for text in said)
    assert any("bar" in text and "measured" in text for text in said)
