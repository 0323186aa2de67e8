"""The network of sequences: padding and neighbours change nothing, and every form is what it is by hand."""

import itertools

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.networks.sequence import build_sequence_network  # noqa: E402
from hounsfield.model.networks.sequence_catalogue import (  # noqa: E402
    CELLS,
    POOLINGS,
    SequenceSettings,
    sequence_names,
    split_name,
)

FORMS = [SequenceSettings(*form, 0.0) for form in itertools.product(CELLS, (6,), (True, False), POOLINGS)]
IDS = [f"{form.cell}-{form.pooling}-{'both' if form.is_bidirectional else 'forward'}" for form in FORMS]
COUNTS = torch.tensor([3, 1, 6, 2])


def network_of(settings, frame=None):
    torch.manual_seed(3)
    return build_sequence_network(frame or NetworkSettings("article", 3, 1, 22, 22, standardise=True), settings).eval()


def frames_of(count=12, seed=0, channels=1):
    return torch.rand(count, channels, 22, 22, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("settings", FORMS, ids=IDS)
def test_a_sequence_is_answered_alike_alone_and_among_others(settings):
    network, frames = network_of(settings), frames_of()
    with torch.no_grad():
        together = network(frames, COUNTS)
        alone = torch.cat([network.of_one(film) for film in frames.split(COUNTS.tolist())])
        order = [2, 0, 3, 1]
        films = frames.split(COUNTS.tolist())
        turned = network(torch.cat([films[place] for place in order]), COUNTS[order])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(turned, together[order], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("settings", FORMS, ids=IDS)
def test_gradients_do_not_see_padding_either(settings):
    """The gradient of a short film's logits is the same with a long film beside it as without."""
    network, frames = network_of(settings), frames_of()
    short, long = frames[:2], frames[2:11]

    def gradient(films):
        network.zero_grad()
        given = torch.cat(films).requires_grad_()
        logits = network(given, torch.tensor([len(film) for film in films]))
        logits[0].sum().backward()
        return given.grad, [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]

    with_long, weights = gradient([short, long])
    without, weights_alone = gradient([short])
    torch.testing.assert_close(with_long[:2], without, atol=1e-6, rtol=1e-4)
    assert torch.count_nonzero(with_long[2:]) == 0
    for one, other in zip(weights, weights_alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("settings", FORMS, ids=IDS)
def test_the_order_of_frames_counts(settings):
    network, frames = network_of(settings), frames_of(6)
    with torch.no_grad():
        forwards, backwards = network.of_one(frames), network.of_one(frames.flip(0))
    assert not torch.allclose(forwards, backwards, atol=1e-4)


def test_pooling_is_what_it_is_by_hand():
    states = torch.rand(5, 1, 12, generator=torch.Generator().manual_seed(1))
    attention, mean, last = (network_of(SequenceSettings("gru", 6, True, pooling)) for pooling in POOLINGS)
    scores = torch.tanh(states[:, 0] @ attention.attention[0].weight.T + attention.attention[0].bias)
    weights = torch.softmax(scores @ attention.attention[2].weight[0], 0)
    torch.testing.assert_close(attention._pooled_one(states)[0], weights @ states[:, 0])
    torch.testing.assert_close(mean._pooled_one(states)[0], states[:, 0].mean(0))
    torch.testing.assert_close(last._pooled_one(states)[0], torch.cat([states[-1, 0, :6], states[0, 0, 6:]]))


def test_batch_normalisation_counts_real_frames_alone():
    """In training the running mean is that of the frames there are, however unequal the films."""
    frame = NetworkSettings("small-residual", 2, 1, 22, 22, widths=(4, 8), depths=(1, 1), strides=(2, 2), stem_width=4)
    network = network_of(SequenceSettings("gru", 4), frame).train()
    frames = frames_of()
    first = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    conv = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    network(frames, COUNTS)
    torch.testing.assert_close(first.running_mean, 0.1 * conv(frames).mean((0, 2, 3)), atol=1e-6, rtol=1e-4)


def test_brightness_of_a_whole_film_does_not_count_but_its_course_does():
    network, frames = network_of(SequenceSettings("gru", 6)), frames_of(6)
    fading = frames * torch.linspace(1, 0.3, 6)[:, None, None, None]
    with torch.no_grad():
        plain, brighter, faded = (network.of_one(film) for film in (frames, 0.5 * frames + 0.2, fading))
    torch.testing.assert_close(plain, brighter, atol=1e-4, rtol=0)
    assert not torch.allclose(plain, faded, atol=1e-3)


def test_the_range_of_the_input_is_applied_once():
    frame = NetworkSettings("article", 2, 1, 22, 22, centre=0.4, scale=2.5)
    network, frames = network_of(SequenceSettings("gru", 6), frame), frames_of(4)
    torch.testing.assert_close(network.normalised(frames, torch.tensor([4])), (frames - 0.4) * 2.5)
    plain = NetworkSettings("article", 2, 1, 22, 22)
    same = network_of(SequenceSettings("gru", 6), plain)
    same.load_state_dict({**network.state_dict(), "centre": torch.tensor(0.0), "scale": torch.tensor(1.0)})
    with torch.no_grad():
        torch.testing.assert_close(network.of_one(frames), same.of_one((frames - 0.4) * 2.5))


@pytest.mark.parametrize("name", ["article", "lenet", "small-residual", "small-densenet"])
def test_frame_networks_of_the_catalogue_serve(name):
    side = 32
    frame = NetworkSettings(name, 2, 3, side, side)
    network = network_of(SequenceSettings("lstm", 4), frame)
    with torch.no_grad():
        logits = network(torch.rand(5, 3, side, side), torch.tensor([2, 3]))
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()


def test_forms_that_cannot_be_are_refused():
    frame = NetworkSettings("article", 2, 1, 22, 22)
    for wrong in (SequenceSettings(width=0), SequenceSettings(dropout=1.0), SequenceSettings("rnn"),
                  SequenceSettings(pooling="first")):  # fmt: skip
        with pytest.raises(SettingsError, match="E833"):
            build_sequence_network(frame, wrong)
    with pytest.raises(DatasetError, match="E832"):
        build_sequence_network(NetworkSettings("article", 2, 1, 8, 8), SequenceSettings())


@pytest.mark.parametrize(
    ("name", "meant"),
    [("gru", (None, "gru")), ("LSTM", (None, "lstm")), ("resnet18", ("resnet18", None)),
     ("densenet-121+lstm", ("densenet121", "lstm")), ("article + GRU", ("article", "gru"))],
)  # fmt: skip
def test_names_are_taken_apart(name, meant):
    assert split_name(name) == meant


@pytest.mark.parametrize("name", ["transformer", "article+rnn", "gru+article", "article+resnet18+gru", "", "+"])
def test_unknown_names_are_refused(name):
    with pytest.raises(SettingsError, match="E831"):
        split_name(name)


def test_every_name_of_the_catalogue_is_known():
    names = sequence_names()
    assert len(names) == len(set(names))
    for name in names:
        frame, cell = split_name(name)
        assert f"{frame}+{cell}" == name
