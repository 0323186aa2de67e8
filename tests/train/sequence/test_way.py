"""Sequences as a way of learning: its promises, its batches, and that the frames of a film are changed alike."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.metrics import log_loss, roc_auc_score  # noqa: E402

from hounsfield.model.networks.sequence_catalogue import SequenceSettings  # noqa: E402
from hounsfield.train.augment import Affine, BiasField, Contrast, Erase, Gamma  # noqa: E402
from hounsfield.train.chance import generator_at  # noqa: E402
from hounsfield.train.plan import Learning  # noqa: E402
from hounsfield.train.sequence.way import Sequences, augment_frames, predict_sequences  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.sequence.films import sequence_part, sequence_parts, sequence_plan  # noqa: E402


@pytest.mark.parametrize("promise", ways.PROMISES)
@pytest.mark.parametrize("is_number", [False, True], ids=["class", "number"])
def test_promises_of_a_way(promise, is_number):
    promise(lambda: Sequences(sequence_plan(2, is_number), sequence_parts()))


@pytest.mark.parametrize(
    "settings", [SequenceSettings("lstm", 8, False, "last"), SequenceSettings("gru", 8, True, "mean")]
)
def test_other_forms_end_alike_when_torn(settings):
    ways.a_torn_run_ends_like_a_whole_one(lambda: Sequences(sequence_plan(2, sequence=settings), sequence_parts(24)))


def test_a_batch_holds_whole_films_end_to_end_with_their_own_classes():
    parts = sequence_parts()
    way = Sequences(sequence_plan(1, augment=()), parts)
    known = {parts.training.frames(index).tobytes(): int(label) for index, label in enumerate(parts.training.labels)}
    seen = []
    for batch in way.batches(0):
        assert int(batch.counts.sum()) == len(batch.frames)
        for film, target in zip(torch.split(batch.frames, batch.counts.tolist()), batch.targets, strict=True):
            seen.append(film.numpy().tobytes())
            assert known[seen[-1]] == int(target.argmax())
    assert len(set(seen)) == len(seen) == 40


def test_every_frame_of_a_film_is_changed_alike():
    """Augmenting a film of equal frames gives equal frames, whatever is drawn."""
    frame = torch.rand(1, 1, 24, 24, generator=generator_at(1, "frame"))
    kinds = (
        Affine(rotation_degrees=30, scale=(0.7, 1.4), shift_fraction=0.2, flip_probability=0.5), Gamma(),
        BiasField(strength=0.5), Contrast(factor=(0.5, 1.5), brightness=0.2), Erase(probability=1.0),
    )  # fmt: skip
    changed = augment_frames(frame.repeat(5, 1, 1, 1), kinds, generator_at(0, "x"))
    assert changed.shape == (5, 1, 24, 24)
    assert torch.equal(changed, changed[:1].repeat(5, 1, 1, 1))
    assert not torch.allclose(changed[0], frame[0], atol=0.05)
    other = augment_frames(frame.repeat(5, 1, 1, 1), kinds, generator_at(1, "x"))
    assert not torch.equal(other, changed)


def test_a_film_in_colour_keeps_its_channels_apart():
    frames = torch.rand(4, 3, 24, 24, generator=generator_at(2, "colour"))
    assert torch.equal(augment_frames(frames, (), generator_at(0, "x")), frames)
    mirrored = augment_frames(frames, (Affine(flip_probability=1.0),), generator_at(0, "x"))
    torch.testing.assert_close(mirrored, frames.flip(-1), atol=1e-4, rtol=0)


def test_predicting_depends_on_no_other_film():
    part = sequence_part(9, 5, (1, 6))
    network = Sequences(sequence_plan(1), sequence_parts()).build().eval()
    together = predict_sequences(network, part)
    for index in range(9):
        alone = network(torch.from_numpy(part.frames(index)), torch.tensor([int(part.counts[index])]))
        torch.testing.assert_close(alone[0], together[index], atol=1e-5, rtol=0)


def test_measures_are_scikit_learns():
    way = Sequences(sequence_plan(1), sequence_parts())
    network = way.build().eval()
    measured = way.measure(network)
    said = predict_sequences(network, way.tuning).double().softmax(1).detach().numpy()
    assert measured.loss == pytest.approx(log_loss(way.tuning.labels, said))
    assert measured.figures["auroc"] == pytest.approx(roc_auc_score(way.tuning.labels, said[:, 1]))


def test_a_number_is_measured_in_its_own_unit():
    way = Sequences(sequence_plan(1, True), sequence_parts())
    network = way.build().eval()
    with torch.no_grad():
        network.last.weight.zero_()
        network.last.bias.fill_(0.2)
    expected = np.abs(way.tuning.values - (37 + 0.2 * 15)).mean()
    assert way.measure(network).figures["mean_absolute_error"] == pytest.approx(expected, rel=1e-5)


def test_numbers_that_are_not_known_count_for_nothing():
    parts = sequence_parts()
    blank = replace(parts.training, values=np.where(np.arange(40) % 3 == 0, np.nan, parts.training.values))
    way = Sequences(sequence_plan(1, True), replace(parts, training=blank))
    network = way.build()
    batch = next(way.batches(0))
    assert batch.targets.isnan().any()
    first = way.loss(network.eval(), batch).loss
    known = batch.targets.isfinite()[:, 0]
    films = [film for film, is_known in zip(batch.frames.split(batch.counts.tolist()), known, strict=True) if is_known]
    rest = batch._replace(frames=torch.cat(films), counts=batch.counts[known], targets=batch.targets[known])
    torch.testing.assert_close(first, way.loss(network, rest).loss)


def test_sampling_draws_rare_classes_as_often():
    parts = sequence_parts()
    rare = replace(parts.training, labels=(np.arange(40) < 5).astype(np.int64))
    learning = Learning(epochs=1, batch_size=8, balance="sampling")
    way = Sequences(sequence_plan(1, learning=learning), replace(parts, training=rare))
    drawn = torch.cat([batch.targets for epoch in range(12) for batch in way.batches(epoch)])
    assert float(drawn[:, 1].mean()) == pytest.approx(0.5, abs=0.08)


def test_where_a_film_ends_is_part_of_the_digest():
    parts = sequence_parts()
    counts = parts.training.counts.copy()
    counts[[0, 1]] += [1, -1] if counts[1] > 1 else [-1, 1]
    moved = replace(parts, training=replace(parts.training, counts=counts))
    assert moved.digest != parts.digest == sequence_parts().digest
