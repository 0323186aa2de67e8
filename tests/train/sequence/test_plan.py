"""The plan of sequences: what follows from the data, what was asked for, what it takes, and that ``plan`` shows it."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.sequenced import SequenceTable  # noqa: E402
from hounsfield.cases.table import CaseTable  # noqa: E402
from hounsfield.cases.targets import TargetTable  # noqa: E402
from hounsfield.cases.task import LearningTask  # noqa: E402
from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.networks.build import parameter_count  # noqa: E402
from hounsfield.model.networks.sequence import build_sequence_network  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint  # noqa: E402
from hounsfield.train.foresight import foresee  # noqa: E402
from hounsfield.train.memory import COPIES_OF_WEIGHTS, FLOAT_BYTES  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.sequence.plan import make_sequence_plan  # noqa: E402
from hounsfield.train.sequence.run import estimate_sequences  # noqa: E402
from tests.train.sequence.films import films, write_arrays  # noqa: E402

FOUND = Fingerprint(300, (200, 100), 64, True, False)
TABLE = CaseTable("films", ("benign", "malignant"), (), (), "sequence-folders", None, holds_sequences=True)


def planned(counts=(4, 8, 20), found=FOUND, data=None, recipe=None, **options):
    wanted = TrainOptions(threads=1, **options)
    return make_sequence_plan(wanted, Recipe.model_validate(recipe or {}), found, data or SequenceTable(TABLE), counts)


def choices(plan):
    return {reason.choice: reason for reason in plan.reasons}


def test_defaults_follow_from_the_data_and_say_why():
    plan = planned([4] * 200 + [8] * 100)
    assert (plan.network_name, plan.network.members, plan.network.class_count) == ("small-residual+gru", 1, 2)
    assert (plan.most_frames, plan.sequence.pooling, plan.sequence.width) == (8, "attention", 64)
    assert plan.prepare[0] == {"step": "sample-frames", "most": 8}
    assert plan.learning.mixup is None
    why = choices(plan)
    assert {"task", "network", "frames", "sequence", "batch_size", "epochs"} <= set(why)
    assert why["frames"].facts == {"most": 8, "longest": 8, "longer": 0, "total": 300}
    assert why["batch_size"].facts["batch_size"] == plan.learning.batch_size
    assert why["epochs"].facts["epochs"] == plan.learning.epochs
    assert all(reason.text(language) for reason in plan.reasons for language in ("en", "zh"))


def test_long_films_are_sampled_and_make_smaller_batches():
    short, long = planned([3] * 300), planned([200] * 300)
    assert long.most_frames == 16
    assert choices(long)["frames"].facts["longer"] == 300
    assert long.learning.batch_size < short.learning.batch_size
    assert long.learning.epochs < short.learning.epochs
    assert long.frames_of([3, 16, 200]).tolist() == [3, 16, 16]


def test_few_films_make_a_narrow_network():
    assert planned(found=replace(FOUND, case_count=60, class_counts=(30, 30))).sequence.width == 32


@pytest.mark.parametrize(
    ("network", "name"),
    [("lstm", "small-residual+lstm"), ("resnet18", "resnet18+gru"), ("article+lstm", "article+lstm")],
)
def test_a_network_is_taken_by_name(network, name):
    assert planned(network=network).network_name == name
    assert planned(recipe={"network": {"name": network}}).network_name == name


def test_a_recipe_settles_the_form():
    form = {"cell": "lstm", "width": 12, "is_bidirectional": False, "pooling": "last", "most_frames": 5}
    plan = planned(recipe={"sequence": form, "learning": {"epochs": 3, "batch_size": 6}})
    assert (plan.sequence.cell, plan.sequence.width, plan.sequence.pooling) == ("lstm", 12, "last")
    assert plan.most_frames == 5
    assert (plan.learning.epochs, plan.learning.batch_size) == (3, 6)
    assert not {"frames", "sequence", "epochs", "batch_size"} & set(choices(plan))


def test_own_steps_keep_their_choice_of_frames():
    steps = [{"step": "sample-frames", "most": 4}, {"step": "resize", "rows": 64, "columns": 64}]
    assert planned(recipe={"prepare": steps, "sequence": {"most_frames": 4}}).prepare == tuple(steps)
    assert planned(recipe={"prepare": steps[1:]}).prepare[0]["step"] == "sample-frames"


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        ({"sequence": {"widht": 3}}, "E830"),
        ({"sequence": {"most_frames": 0}}, "E830"),
        ({"sequence": {"most_frames": 2.5}}, "E830"),
        ({"sequence": {"cell": "rnn"}}, "E830"),
        ({"sequence": {"width": 0}}, "E833"),
        ({"network": {"name": "article+gru+gru"}}, "E831"),
    ],
)
def test_forms_that_cannot_be_are_refused(recipe, code):
    with pytest.raises(SettingsError, match=code):
        planned(recipe=recipe)


def test_a_number_has_no_smoothing_and_no_weights():
    targets = TargetTable(TABLE, LearningTask.REGRESSION, ("ejection fraction",), np.zeros((0, 1)), "")
    plan = planned(data=SequenceTable(TABLE, targets), found=replace(FOUND, class_counts=(280, 20)))
    assert plan.is_number
    assert (plan.learning.label_smoothing, plan.learning.balance) == (0, "none")
    assert plan.network.class_count == 1
    assert "balance" not in choices(plan)
    assert planned(found=replace(FOUND, class_counts=(280, 20))).learning.balance == "loss"


@pytest.mark.parametrize("form", [{}, {"cell": "lstm", "is_bidirectional": False}])
def test_memory_counts_the_weights_there_are(form):
    """Frames and weights are known exactly; the head and the attention, a few values, are the difference."""
    plan = planned([4, 8, 12], recipe={"sequence": {"width": 32, **form}})
    estimate = estimate_sequences(plan, [4, 8, 12])
    network = build_sequence_network(plan.network, plan.sequence)
    weights = COPIES_OF_WEIGHTS * FLOAT_BYTES * parameter_count(network)
    assert estimate.images_bytes == 24 * 64 * 64 * 4
    assert estimate.weights_bytes == pytest.approx(weights, rel=0.03)


def test_memory_grows_with_frames_and_batch():
    plan = planned([8] * 300)
    one = estimate_sequences(plan, [4] * 300)
    assert estimate_sequences(plan, [8] * 300).batch_bytes > 1.9 * one.batch_bytes
    larger = plan.model_copy(update={"learning": plan.learning.model_copy(update={"batch_size": 64})})
    assert estimate_sequences(larger, [4] * 300).batch_bytes > 2 * one.batch_bytes


@pytest.mark.parametrize("recipe", ["", 'task = "sequence"\n[network]\nstandardise = false\n'])
def test_plan_shows_what_train_would_obey(tmp_path, recipe):
    data = write_arrays(tmp_path / "films.npz", *films(60))
    (tmp_path / "r.toml").write_text(recipe, encoding="utf-8")
    options = TrainOptions(threads=1, recipe=tmp_path / "r.toml" if recipe else None)
    found = foresee(data, options)
    assert (found.data.task, found.data.layout) == (LearningTask.SEQUENCE, "sequence-arrays")
    assert found.data.fingerprint["frames"] == [6, 6]
    assert sum(sum(part.values()) for part in found.data.parts.values()) + found.data.left_out == 60
    assert found.memory.total_bytes > 0
    assert (found.plan.network.scale == 1.0) == (not recipe)
