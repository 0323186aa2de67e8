"""Sequences prepared and planned, held to their promises: frames of their own, limits that agree, tensors by hand."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.networks.sequence_catalogue import SequenceSettings, sequence_name, split_name  # noqa: E402
from hounsfield.train.sequence.packing import OneSequence, export_sequences, settle_answer  # noqa: E402
from hounsfield.train.sequence.way import MEASURED_FRAMES, Sequences, predict_sequences  # noqa: E402
from tests.train.sequence.films import sequence_part, sequence_parts, sequence_plan  # noqa: E402
from tests.train.sequence.test_plan import choices, planned  # noqa: E402


def sampled(most, **sequence):
    return {"prepare": [{"step": "sample-frames", "most": most}], "sequence": sequence}


@pytest.mark.parametrize("most", [1, 4, 30])
def test_own_steps_settle_how_many_frames_are_looked_at(most):
    """Otherwise the plan would make room for frames that the steps never leave."""
    plan = planned([4, 8, 20], recipe=sampled(most))
    assert plan.most_frames == most
    assert plan.frames_of([4, 8, 20]).tolist() == [min(count, most) for count in (4, 8, 20)]
    assert "frames" not in choices(plan)


@pytest.mark.parametrize(("most", "asked"), [(4, 8), (8, 4)])
def test_steps_and_a_limit_that_contradict_each_other_are_refused(most, asked):
    with pytest.raises(SettingsError) as caught:
        planned([4, 8, 20], recipe=sampled(most, most_frames=asked))
    assert caught.value.code == "E830"
    for language in ("en", "zh"):
        assert f"sequence.most_frames: {asked}, sample-frames: {most}" in caught.value.text(language)


def test_the_frames_of_each_film_lie_where_they_were_put():
    part = sequence_part(7, 4, (1, 6))
    joined = np.concatenate([part.frames(index) for index in range(7)])
    np.testing.assert_array_equal(joined, part.images)
    assert [len(part.frames(index)) for index in range(7)] == part.counts.tolist()


def test_numbers_of_films_are_part_of_the_digest_and_so_is_the_test_part():
    parts = sequence_parts(8, 6, 4)
    moved = replace(parts, tuning=replace(parts.tuning, values=parts.tuning.values + 1))
    assert len({parts.digest, moved.digest, replace(parts, test=None).digest}) == 3


def test_predicting_more_frames_than_go_through_at_once_changes_nothing():
    part = sequence_part(120, 6, (1, 6))
    assert int(part.counts.sum()) > MEASURED_FRAMES
    network = Sequences(sequence_plan(1), sequence_parts(8, 8)).build().train()
    said = predict_sequences(network, part)
    assert network.training
    assert said.shape == (120, 2)
    for index in (0, 60, 119):
        alone = network.eval()(torch.from_numpy(part.frames(index)), torch.tensor([int(part.counts[index])]))
        torch.testing.assert_close(alone[0], said[index], atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", [SequenceSettings("gru", 8), SequenceSettings("lstm", 8, False, "last")])
def test_what_is_exported_takes_films_of_any_length(settings):
    plan = sequence_plan(1, sequence=settings)
    network = Sequences(plan, sequence_parts(8, 8)).build().eval()
    part = sequence_part(4, 9, (1, 6))
    exported = export_sequences(network, plan, [torch.from_numpy(part.frames(index)) for index in range(4)])
    assert exported.interface.most_frames == 6
    assert exported.largest_difference < 1e-3
    alone = OneSequence(network)(torch.from_numpy(part.frames(2))[None])
    assert alone.shape == (1, 2)


def test_a_number_is_scaled_back_to_its_unit():
    plan, parts = sequence_plan(1, True), sequence_parts(8, 8)
    network = Sequences(plan, parts).build().eval()
    before = predict_sequences(network, parts.tuning)
    assert settle_answer(network, plan, parts.tuning) == 1.0
    torch.testing.assert_close(predict_sequences(network, parts.tuning), before * 15 + 37, rtol=1e-4, atol=1e-4)


def test_classes_are_only_shifted_each_by_the_same():
    plan, parts = sequence_plan(1), sequence_parts(8, 20)
    network = Sequences(plan, parts).build().eval()
    before = predict_sequences(network, parts.tuning)
    temperature = settle_answer(network, plan, parts.tuning)
    shift = predict_sequences(network, parts.tuning) - before
    assert temperature > 0
    torch.testing.assert_close(shift, shift[:1].expand_as(shift), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("frame", ["article", "resnet18"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_name_comes_apart_as_it_was_joined(frame, cell):
    assert split_name(sequence_name(frame, cell)) == (frame, cell)
    assert split_name(f" {frame} + {cell.upper()} ") == (frame, cell)
