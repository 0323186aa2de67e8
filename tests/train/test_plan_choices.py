"""Plans change by what is named and by nothing else, choices have reasons, and ranges come from data."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.core.quality import QualityIssue, Severity  # noqa: E402
from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.train.augment import Noise  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.outline import has_open_range, tell_issues, with_range  # noqa: E402
from hounsfield.train.plan import SplitPlan, differences  # noqa: E402
from hounsfield.train.planner import IMBALANCE, make_plan  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from tests.train.tiny import parts  # noqa: E402

FOUND = Fingerprint(1000, (500, 500), 28, True, False)


def plan_of(found=FOUND, recipe=None, **options):
    return make_plan(TrainOptions(**options), recipe or Recipe(), found, ("a", "b"), 2)


def said(plan):
    return [reason.choice for reason in plan.reasons]


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"seed": 7}, ("seed",)),
        ({"epochs": 3}, ("learning.epochs",)),
        ({"batch_size": 12}, ("learning.batch_size",)),
        ({"learning_rate": 0.01}, ("learning.learning_rate",)),
        ({"name": "lung"}, ("name",)),
        ({"time_limit_seconds": 60.0}, ()),
        ({"resume": True}, ()),
    ],
)
def test_an_option_changes_what_it_names(options, changed):
    assert differences(plan_of(), plan_of(**options)) == changed
    assert (plan_of().digest() == plan_of(**options).digest()) == (not changed)


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ({"augment": (Noise(),)}, {"augment"}),
        ({"augment": ()}, {"augment"}),
        ({"prepare": ({"step": "grey"},)}, {"prepare"}),
        ({"split": SplitPlan(training=0.5, tuning=0.3)}, {"split.training", "split.tuning"}),
        ({"learning": {"patience": 3}}, {"learning.patience"}),
        ({"network": {"dropout": 0.1}}, {"network.dropout"}),
        ({"clusters": "site"}, {"clusters"}),
        ({"seed": 3}, {"seed"}),
        ({"unit": "mm"}, set()),
    ],
)
def test_a_table_of_a_recipe_changes_what_it_names(values, changed):
    assert set(differences(plan_of(), plan_of(recipe=Recipe(**values)))) == changed


@pytest.mark.parametrize(
    ("found", "recipe", "reasons"),
    [
        (FOUND, Recipe(), {"network", "prepare", "epochs", "batch_size"}),
        (FOUND, Recipe(prepare=()), {"network", "epochs", "batch_size"}),
        (FOUND, Recipe(learning={"epochs": 2, "batch_size": 8}), {"network", "prepare"}),
        (replace(FOUND, names_sides=True), Recipe(), {"network", "prepare", "epochs", "batch_size", "augment"}),
        (replace(FOUND, names_sides=True), Recipe(augment=()), {"network", "prepare", "epochs", "batch_size"}),
    ],
)
def test_what_was_told_has_no_reason_and_what_was_chosen_has_one(found, recipe, reasons):
    plan = plan_of(found, recipe)
    assert set(said(plan)) == reasons
    assert len(said(plan)) == len(reasons)


@pytest.mark.parametrize(("counts", "is_told"), [((299, 100), False), ((300, 100), True), ((400, 0), False)])
def test_rare_classes_count_from_the_stated_ratio_and_absent_ones_do_not(counts, is_told):
    plan = plan_of(replace(FOUND, class_counts=counts, case_count=sum(counts)))
    assert (plan.learning.balance == "loss") == is_told == ("balance" in said(plan))
    if is_told:
        (reason,) = [reason for reason in plan.reasons if reason.choice == "balance"]
        assert reason.facts["ratio"] >= IMBALANCE


@pytest.mark.parametrize("count", [2, 60, 100, 3000, 10**6])
def test_epochs_and_batches_stay_in_their_bounds_at_any_count(count):
    learning = plan_of(replace(FOUND, class_counts=(count // 2, count // 2), case_count=count)).learning
    assert 20 <= learning.epochs <= 120
    assert 8 <= learning.batch_size <= 64


@pytest.mark.parametrize("setting", ["colour", "class_count"])
def test_a_setting_that_is_not_the_recipes_to_make_is_named(setting):
    with pytest.raises(SettingsError) as caught:
        plan_of(recipe=Recipe(network={setting: 5}))
    assert caught.value.code == "E830"
    assert f"network.{setting}" in caught.value.text("zh")


def test_the_range_is_that_of_the_training_images_alone():
    recipe = Recipe(network={"standardise": False})
    draft, data = plan_of(recipe=recipe), parts()
    plan = with_range(draft, recipe, data)
    assert plan.network.centre == pytest.approx(float(data.training.images.mean(dtype=np.float64)), abs=1e-6)
    assert plan.network.scale == pytest.approx(1 / float(data.training.images.std(dtype=np.float64)), rel=1e-4)
    assert set(differences(draft, plan)) == {"network.centre", "network.scale"}
    darker = replace(data, tuning=replace(data.tuning, images=data.tuning.images * 0))
    assert with_range(draft, recipe, darker) == plan


@pytest.mark.parametrize("network", [{}, {"standardise": False, "centre": 0.2}, {"standardise": False, "scale": 3.0}])
def test_a_range_that_is_settled_stays(network):
    recipe = Recipe(network=network)
    draft = plan_of(recipe=recipe)
    assert not has_open_range(draft, recipe)
    assert with_range(draft, recipe, parts()) is draft


def test_constant_images_have_a_finite_scale():
    recipe, data = Recipe(network={"standardise": False}), parts()
    flat = replace(data, training=replace(data.training, images=np.full_like(data.training.images, 0.5)))
    plan = with_range(plan_of(recipe=recipe), recipe, flat)
    assert (plan.network.centre, plan.network.scale) == (0.5, 1000.0)


@pytest.mark.parametrize(
    ("severities", "is_refused"),
    [((), False), ((Severity.NOTE,), False), ((Severity.NOTE, Severity.WARN), True)],
)
def test_strict_refuses_what_spoils_and_tells_everything_first(severities, is_refused):
    issues = tuple(QualityIssue("Q840", severity, {"count": 1, "total": 2}) for severity in severities)
    heard = []
    tell_issues("toy", issues, TrainOptions(), heard.append)
    assert [event.issue for event in heard] == list(issues)
    if not is_refused:
        tell_issues("toy", issues, TrainOptions(strict=True), heard.append)
        return
    with pytest.raises(DatasetError) as caught:
        tell_issues("toy", issues, TrainOptions(strict=True), heard.append)
    assert (caught.value.code, caught.value.facts["found"]) == ("E871", "Q840")
    assert len(heard) == 2 * len(issues)
