"""Targets between logits and answers: losses, calibration against scikit-learn, what is folded into the last layer."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.linear_model import LogisticRegression  # noqa: E402
from torch.nn import functional  # noqa: E402

from hounsfield.cases.table import Case, CaseTable, Source  # noqa: E402
from hounsfield.cases.targets import TargetTable  # noqa: E402
from hounsfield.cases.task import LearningTask  # noqa: E402
from hounsfield.errors import DatasetError  # noqa: E402
from hounsfield.model.interface import NetworkInterface  # noqa: E402
from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.parts import Part, Parts, PartSizes  # noqa: E402
from hounsfield.train.plan import Cut  # noqa: E402
from hounsfield.train.planner import make_plan  # noqa: E402
from hounsfield.train.recipe import ClassFacts, Recipe  # noqa: E402
from hounsfield.train.targets.objective import label_loss, number_loss, ordered_log_probabilities, ordered_loss  # noqa: E402
from hounsfield.train.targets.packing import (  # noqa: E402
    LEAST_TO_CALIBRATE,
    OrderedHead,
    assess_targets,
    fit_label,
    fit_temperature,
    set_label_points,
    settle_outputs,
)
from hounsfield.train.targets.parts import TargetPart, TargetParts, target_parts  # noqa: E402
from hounsfield.train.targets.plan import TargetPlan, make_target_plan  # noqa: E402
from hounsfield.train.targets.run import with_scale  # noqa: E402
from hounsfield.train.targets.statement import TargetFacts, target_manifest  # noqa: E402
from hounsfield.train.targets.way import Targets  # noqa: E402

NAN = float("nan")
LOSSES = {"labels": (label_loss, 3), "number": (number_loss, 1), "ordered": (ordered_loss, 1)}
TASKS = (LearningTask.MULTI_LABEL, LearningTask.REGRESSION, LearningTask.ORDINAL)
FORMS = {
    "flattened": NetworkSettings("article", 3),
    "pooled": NetworkSettings("small-residual", 3, rows=20, columns=20, widths=(8, 8), depths=(1, 1), strides=(2, 2)),
}
FORMS["members"] = replace(FORMS["pooled"], members=3)


def drawn(seed=0, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def part_of(values, side=20, seed=0):
    count = len(values)
    images = np.random.default_rng(seed).random((count, 1, side, side)).astype(np.float32)
    names = tuple(map(str, range(count)))
    return TargetPart(
        Part(images, np.zeros(count, np.int64), np.arange(count), names, np.zeros(count, np.int64)), values
    )


def plan_of(task, network, names=("a", "b", "c"), **changes):
    return TargetPlan(name="toy", class_names=names, prepare=(), task=task, network=network, **changes)


@pytest.mark.parametrize("kind", LOSSES)
def test_what_is_not_assessed_changes_neither_loss_nor_gradient(kind):
    loss, columns = LOSSES[kind]
    logits = drawn(1, 8, 3 if kind == "ordered" else columns).requires_grad_()
    targets = (torch.arange(8 * columns).view(8, columns) % 2).float()
    known = torch.arange(8)[:, None] % 3 > 0
    known = known.expand(8, columns)
    first = loss(logits, targets, known)
    (gradient,) = torch.autograd.grad(first, logits)
    other = torch.where(known, targets, 1 - targets)
    second = loss(logits, other, known)
    assert torch.equal(first, second)
    assert torch.equal(gradient, torch.autograd.grad(second, logits)[0])
    assert (gradient[::3] == 0).all()
    assert (gradient[1::3] != 0).any()
    alone = loss(logits[known[:, 0]], targets[known[:, 0]], known[known[:, 0]])
    torch.testing.assert_close(first, alone)


@pytest.mark.parametrize("kind", LOSSES)
def test_a_batch_of_which_nothing_is_known_moves_no_weight(kind):
    loss, columns = LOSSES[kind]
    logits = drawn(2, 4, 3 if kind == "ordered" else columns).requires_grad_()
    value = loss(logits, torch.zeros(4, columns), torch.zeros(4, columns, dtype=torch.bool))
    value.backward()
    assert float(value.detach()) == 0
    assert (logits.grad == 0).all()


def test_labels_are_torchs_mean_and_numbers_torchs_huber_where_all_is_known():
    said, everything = drawn(3, 9, 4) * 3, torch.ones(9, 4, dtype=torch.bool)
    wanted = (drawn(4, 9, 4) > 0).float()
    torch.testing.assert_close(
        label_loss(said, wanted, everything), functional.binary_cross_entropy_with_logits(said, wanted)
    )
    torch.testing.assert_close(number_loss(said, wanted, everything), functional.smooth_l1_loss(said, wanted))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_ordered_probabilities_sum_to_one_and_never_rise_beyond_a_class(count):
    said = ordered_log_probabilities(drawn(5, 20, count).double() * 6).exp()
    assert said.shape == (20, count + 1)
    torch.testing.assert_close(said.sum(1), torch.ones(20, dtype=torch.float64))
    beyond = 1 - said.cumsum(1)
    assert (beyond[:, 1:] <= beyond[:, :-1] + 1e-12).all()


def test_ordered_probabilities_stay_finite_where_logits_are_extreme():
    logits = torch.tensor([[80.0, -80.0], [-80.0, 80.0], [80.0, 80.0]]).requires_grad_()
    said = ordered_log_probabilities(logits)
    assert said.argmax(1).tolist() == [1, 0, 2]
    said.sum().backward()
    assert torch.isfinite(said).all()
    assert torch.isfinite(logits.grad).all()


def test_softmax_of_what_the_packed_network_says_is_the_probability():
    network = build_network(FORMS["pooled"]).eval()
    images = drawn(6, 5, 1, 20, 20)
    with torch.no_grad():
        said = OrderedHead(network)(images)
        torch.testing.assert_close(torch.softmax(said, 1), ordered_log_probabilities(network(images)).exp())


@pytest.mark.parametrize(("slope", "bias", "seed"), [(0.4, 1.0, 0), (2.5, -0.7, 1), (1.0, 0.0, 2)])
def test_calibration_of_a_label_is_platts_as_scikit_learn_fits_it(slope, bias, seed):
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 1.5, 1500)
    present = chance.random(1500) < 1 / (1 + np.exp(-(slope * logits + bias)))
    counts = np.bincount(present.astype(int))
    wanted = np.where(present, (counts[1] + 1) / (counts[1] + 2), 1 / (counts[0] + 2))
    theirs = LogisticRegression(C=1e8).fit(
        np.tile(logits, 2)[:, None], np.repeat([1, 0], 1500), sample_weight=np.r_[wanted, 1 - wanted]
    )
    assert fit_label(logits, present.astype(float)) == pytest.approx(
        (float(theirs.coef_[0, 0]), float(theirs.intercept_[0])), abs=0.02
    )


def test_few_cases_of_either_outcome_leave_a_label_as_it_is():
    logits = np.linspace(-3, 3, 60)
    for rare in (LEAST_TO_CALIBRATE - 1, LEAST_TO_CALIBRATE):
        for targets in ((np.arange(60) < rare).astype(float), (np.arange(60) >= rare).astype(float)):
            assert (fit_label(logits, targets) == (1.0, 0.0)) == (rare < LEAST_TO_CALIBRATE)


def test_calibration_keeps_the_order_of_a_label_that_points_the_wrong_way():
    logits = np.linspace(-2, 2, 200)
    slope, _ = fit_label(logits, (logits < 0).astype(float))
    assert 0 < slope < 1


@pytest.mark.parametrize("labels", [np.zeros(30, np.int64), np.arange(30) % 3])
def test_a_temperature_lowers_the_loss_and_stays_in_its_bounds(labels):
    logits = np.random.default_rng(0).normal(0, 4, (30, 3))

    def loss(temperature):
        scaled = logits / temperature
        return -np.mean(scaled[np.arange(30), labels] - np.logaddexp.reduce(scaled, axis=1))

    found = fit_temperature(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), labels)
    assert loss(found) <= loss(1.0)
    assert found > 1


@pytest.mark.parametrize("form", FORMS)
def test_slopes_and_biases_in_the_last_layer_are_those_of_the_logits(form):
    settings = FORMS[form]
    network = build_network(settings).eval()
    tuning = part_of((np.random.default_rng(1).random((60, 3)) < 0.5).astype(float), settings.rows)
    images = torch.from_numpy(tuning.part.images)
    with torch.no_grad():
        before = network(images)
        fits = np.array([fit_label(*pair) for pair in zip(before.double().numpy().T, tuning.values.T, strict=True)])
        assert settle_outputs(network, plan_of(LearningTask.MULTI_LABEL, settings), tuning) == 1
        after = network(images)
        slope, bias = (torch.from_numpy(column).float() for column in fits.T)
        torch.testing.assert_close(after, before * slope + bias, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(network.member_logits(images).mean(0), after, atol=1e-4, rtol=1e-4)
        if form != "flattened":
            _, maps, _ = network.everything(images)
            torch.testing.assert_close(maps.mean((2, 3)) + network.last.bias, after, atol=1e-4, rtol=1e-4)


def test_a_number_is_brought_back_to_its_unit():
    settings = replace(FORMS["members"], class_count=1)
    plan = plan_of(LearningTask.REGRESSION, settings, ("mm",), target_centre=120.0, target_scale=15.0)
    network, tuning = build_network(settings).eval(), part_of(np.arange(12.0)[:, None])
    images = torch.from_numpy(tuning.part.images)
    with torch.no_grad():
        standard = network(images)
        settle_outputs(network, plan, tuning)
        torch.testing.assert_close(network(images), standard * 15 + 120, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize(("centre", "spread"), [(0, 1), (1e6, 3), (-4e-5, 1e-6)])
def test_standardised_numbers_have_mean_0_and_deviation_1_and_come_back(centre, spread):
    values = centre + spread * np.random.default_rng(0).normal(size=(50, 1))
    values[::7] = NAN
    parts = TargetParts(part_of(values), part_of(values[:20] + spread), None)
    plan = with_scale(plan_of(LearningTask.REGRESSION, replace(FORMS["pooled"], class_count=1), ("x",)), values)
    way = Targets(plan, parts)
    learned = way.targets.double().numpy()
    assert np.nanmean(learned) == pytest.approx(0, abs=1e-2)
    assert np.nanstd(learned) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(learned * plan.target_scale + plan.target_centre, values, atol=1e-5 * spread)
    assert np.nanmean(way.tuning_targets.numpy()) != pytest.approx(0, abs=0.1)
    assert all(not batch.targets.isnan().any() for batch in way.batches(0))


def table_of(values, task, names):
    cases = tuple(Case(str(index), 0, None, None, Source(None), ()) for index in range(len(values)))
    return TargetTable(
        CaseTable("toy", ("-",), cases, (), "manifest", None), task, names, values, "ui.train.task.asked"
    )


@pytest.mark.parametrize(
    ("task", "column", "is_refused"),
    [
        (LearningTask.REGRESSION, [3.0] * 8, True),
        (LearningTask.REGRESSION, [NAN] * 7 + [1.0], True),
        (LearningTask.REGRESSION, [1e-320, 2e-320] * 4, True),
        (LearningTask.REGRESSION, [1e305, -1e308] * 4, True),
        (LearningTask.REGRESSION, [1.0, 1.5] * 4, False),
        (LearningTask.MULTI_LABEL, [NAN, 1.0] * 4, True),
        (LearningTask.MULTI_LABEL, [0.0, 1.0] * 4, False),
    ],
)
def test_a_target_is_learned_where_its_deviation_can_be_divided_by(task, column, is_refused):
    values = np.array(column)[:, None]
    item, chosen = part_of(values).part, {"training": tuple(range(8)), "tuning": tuple(range(8))}
    targets = table_of(values, task, ("x",))
    if not is_refused:
        assert target_parts(Parts(item, item, None), targets, chosen).sizes == PartSizes(8, 8, 0)
        return
    with pytest.raises(DatasetError) as caught:
        target_parts(Parts(item, item, None), targets, chosen)
    assert (caught.value.code, caught.value.facts["part"]) == ("E856", "training")


def test_a_rare_label_may_be_missing_from_the_tuning_part_and_gets_no_operating_point():
    values = np.array([[0, 0], [1, 1], [0, 1], [1, 0], [0, 0], [1, 0], [0, NAN], [1, 0]], float)
    item, chosen = part_of(values[:4]).part, {"training": (0, 1, 2, 3), "tuning": (4, 5, 6, 7)}
    parts = target_parts(Parts(item, item, None), table_of(values, LearningTask.MULTI_LABEL, ("a", "b")), chosen)
    plan = plan_of(LearningTask.MULTI_LABEL, replace(FORMS["pooled"], class_count=2), ("a", "b"))
    said = np.array([[0.1, 0.3], [0.8, 0.2], [0.4, 0.1], [0.7, 0.6]])
    for cut in (Cut(), Cut(rule="sensitivity", target=0.9)):
        first, second = set_label_points(said, parts.tuning, plan.model_copy(update={"cut": cut}), "toy")
        assert second is None
        assert 0.4 < first.threshold <= 0.7
        assert first.sensitivity.value == first.specificity.value == 1
    measured = assess_targets("tuning", plan, parts.tuning, said)
    assert measured.metrics["auroc a"].value == 1
    assert "auroc b" not in measured.metrics


@pytest.mark.parametrize("task", TASKS)
def test_a_plan_of_targets_differs_from_a_classifiers_by_what_it_names(task):
    names = ("x",) if task is LearningTask.REGRESSION else ("none", "mild", "severe")
    found = Fingerprint(400, (300, 40, 60), 80, True, False)
    recipe = Recipe(learning={"balance": "sampling"})
    targets = table_of(np.zeros((4, 1)), task, names)
    plan = make_target_plan(TrainOptions(), recipe, found, targets, 2)
    plain = make_plan(TrainOptions(), recipe, found, names, 2)
    assert plan.network.class_count == {TASKS[0]: 3, TASKS[1]: 1, TASKS[2]: 2}[task]
    assert (plan.learning.mixup, plan.learning.label_smoothing, plan.learning.balance) == (None, 0, "none")
    assert (plan.augment, plan.prepare, plan.split, plan.learning.epochs) == (
        plain.augment, plain.prepare, plain.split, plain.learning.epochs
    )  # fmt: skip
    assert replace(plan.network, class_count=len(names)) == plain.network
    assert plan.reasons[0].choice == "task"
    assert plan.reasons[1:] == tuple(reason for reason in plain.reasons if reason.choice != "balance")
    assert plan == TargetPlan.model_validate_json(plan.model_dump_json())
    assert all("{" not in reason.text(language) for reason in plan.reasons for language in ("en", "zh"))


@pytest.mark.parametrize("task", TASKS)
def test_a_manifest_says_what_the_outputs_mean(task):
    names = ("height",) if task is LearningTask.REGRESSION else ("no finding", "mild <b>", "severe")
    settings = replace(FORMS["pooled"], class_count=len(names) - (task is LearningTask.ORDINAL))
    recipe = Recipe(unit="mm", classes=(ClassFacts(name="severe", is_finding=False),))
    facts = TargetFacts(recipe, "toy", PartSizes(8, 4, 0), "hounsfield train DATA")
    interface = NetworkInterface(channels=1, rows=20, columns=20)
    manifest = target_manifest(plan_of(task, settings, names), facts, interface, 1.5)
    is_number = task is LearningTask.REGRESSION
    assert manifest.unit == ("mm" if is_number else "")
    assert manifest.answer == {TASKS[0]: "labels", TASKS[1]: "number", TASKS[2]: "ordered-class"}[task]
    assert manifest.calibration.temperature == (1.5 if task is LearningTask.ORDINAL else 1)
    assert [entry.is_finding for entry in manifest.classes] == ([False] if is_number else [False, True, False])
    assert all("<" not in entry.name for entry in manifest.classes)
    assert manifest.purpose.zh != manifest.purpose.en
    assert all(name in manifest.purpose.en for name in names)
