"""A network of sequences: a convolutional network for each frame, a recurrent one over the frames, and a linear head.

Sequences of a batch have different numbers of frames. They are laid end to end, so the frame network (whose batch
normalisation would otherwise count them) never sees padding; the recurrent one reads them packed, so it stops at the
last frame of each and starts backwards there; pooling leaves out what lies behind. So what a sequence is answered does
not depend on what it comes with.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import SMALLEST_VARIANCE, FlattenedClassifier, PooledClassifier
from hounsfield.model.networks.sequence_catalogue import SequenceSettings

_CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class SequenceClassifier(nn.Module):
    """A network from the frames of sequences to logits.

    ``forward`` takes the frames of all sequences end to end (frame, channel, row, column) and the number of frames of
    each sequence, and returns logits (sequence, output).
    """

    def __init__(self, frame: NetworkSettings, settings: SequenceSettings) -> None:
        super().__init__()
        self.settings = settings
        self.is_standardising = frame.standardise
        self.register_buffer("centre", torch.tensor(frame.centre, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(frame.scale, dtype=torch.float32))
        self.frames, width = _headless(frame)
        self.recurrent = _CELLS[settings.cell](width, settings.width, bidirectional=settings.is_bidirectional)
        self.attention: nn.Module = nn.Identity()
        if settings.pooling == "attention":
            first = nn.Linear(settings.state_width, settings.width)
            self.attention = nn.Sequential(first, nn.Tanh(), nn.Linear(settings.width, 1, bias=False))
        self.dropout = nn.Dropout(settings.dropout)
        self.last = nn.Linear(settings.state_width, frame.class_count)

    def forward(self, frames: Tensor, counts: Tensor) -> Tensor:
        """Return logits (sequence, output)."""
        features = self.frames(self.normalised(frames, counts))
        packed = pack_sequence(list(features.split(counts.tolist())), enforce_sorted=False)
        states, _ = pad_packed_sequence(self.recurrent(packed)[0])
        is_real = torch.arange(len(states))[:, None] < counts[None]
        return self._answer(states, is_real, counts)

    def of_one(self, frames: Tensor) -> Tensor:
        """Return logits (1, output) of the frames (frame, channel, row, column) of one sequence, without masks."""
        centred = frames - (frames.mean() if self.is_standardising else self.get_buffer("centre"))
        if self.is_standardising:
            scaled = centred / torch.sqrt((centred * centred).mean() + SMALLEST_VARIANCE)
        else:
            scaled = centred * self.get_buffer("scale")
        features = self.frames(scaled)[:, None]
        start = torch.zeros(2 if self.settings.is_bidirectional else 1, 1, self.settings.width)
        states, _ = self.recurrent(features, (start, start) if self.settings.cell == "lstm" else start)
        return self._head(self._pooled_one(states))

    def normalised(self, frames: Tensor, counts: Tensor) -> Tensor:
        """Bring the samples to the range that the first layer works in, by mean and deviation of the whole sequence.

        Frame by frame it would hide what brightens or fades over the sequence.
        """
        if not self.is_standardising:
            return (frames - self.get_buffer("centre")) * self.get_buffer("scale")
        owner = torch.repeat_interleave(torch.arange(len(counts)), counts)
        member = nn.functional.one_hot(owner, len(counts)).to(frames.dtype)
        share = member / counts.to(frames.dtype)
        mean = member @ (share.T @ frames.mean((1, 2, 3)))
        centred = frames - mean[:, None, None, None]
        variance = member @ (share.T @ (centred * centred).mean((1, 2, 3)))
        return centred / torch.sqrt(variance[:, None, None, None] + SMALLEST_VARIANCE)

    def _answer(self, states: Tensor, is_real: Tensor, counts: Tensor) -> Tensor:
        """Return logits (sequence, output) of states (frame, sequence, value), padding left out."""
        if self.settings.pooling == "last":
            return self._head(self._ends(states[counts - 1, torch.arange(len(counts))], states[0]))
        if self.settings.pooling == "mean":
            weights = is_real.to(states.dtype) / counts.to(states.dtype)
        else:
            scores = self.attention(states)[..., 0]
            weights = scores.masked_fill(~is_real, -torch.inf).softmax(dim=0)
        return self._head((weights[..., None] * states.where(is_real[..., None], 0.0)).sum(dim=0))

    def _pooled_one(self, states: Tensor) -> Tensor:
        if self.settings.pooling == "last":
            return self._ends(states[-1], states[0])
        if self.settings.pooling == "mean":
            return states.mean(dim=0)
        weights: Tensor = self.attention(states).softmax(dim=0)
        return (weights * states).sum(dim=0)

    def _ends(self, last: Tensor, first: Tensor) -> Tensor:
        """Return the state in which each direction ends: the forward one at the last frame, the other at the first."""
        width = self.settings.width
        return torch.cat([last[:, :width], first[:, width:]], dim=1) if self.settings.is_bidirectional else last

    def _head(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.last(self.dropout(pooled))
        return logits


def build_sequence_network(frame: NetworkSettings, settings: SequenceSettings) -> SequenceClassifier:
    """Return a network of sequences with fresh weights drawn from torch's global generator.

    Args:
        frame: the network of each frame; its ``class_count`` is that of the answer.
        settings: what stands behind it.

    Raises:
        SettingsError: ``E831`` or ``E833``, the form is not known or not possible.
        DatasetError: ``E832``, the frame network cannot take images of this size.
    """
    settings.check()
    return SequenceClassifier(frame, settings)


def _headless(frame: NetworkSettings) -> tuple[nn.Module, int]:
    """Return the frame network without its last layer, so that it gives features (frame, value), and their number."""
    network = build_network(frame)
    width = network.last.in_features
    if isinstance(network, PooledClassifier):
        network.add_module("linear", nn.Identity())
    elif isinstance(network, FlattenedClassifier):
        network.dense[-1] = nn.Identity()
    # samples are centred and scaled before it, over the whole sequence
    network.is_standardising = False
    network.get_buffer("centre").fill_(0.0)
    network.get_buffer("scale").fill_(1.0)
    return network, width
