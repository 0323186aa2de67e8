"""The networks of sequences by name, a frame network with a recurrent one behind it: readable without torch."""

from dataclasses import dataclass
from typing import Literal

from hounsfield.errors import SettingsError
from hounsfield.model.networks.catalogue import NETWORKS, catalogue_name, network_facts

Cell = Literal["gru", "lstm"]
Pooling = Literal["attention", "mean", "last"]

CELLS: tuple[Cell, ...] = ("gru", "lstm")
POOLINGS: tuple[Pooling, ...] = ("attention", "mean", "last")
LARGEST_WIDTH = 1024


@dataclass(frozen=True)
class SequenceSettings:
    """What stands behind the frame network: how the frames of a sequence become one answer.

    Attributes:
        cell: gated recurrent units (Cho 2014) or long short-term memory (Hochreiter 1997, with forget gates).
        width: values of the state in each direction.
        is_bidirectional: read the sequence backwards as well, with weights of its own (Schuster 1997).
        pooling: how the states over time become one: a learned weight for each frame (Bahdanau 2015; Yang 2016), their
            mean, or the last state of each direction.
        dropout: share of the pooled state that is dropped in training.
    """

    cell: Cell = "gru"
    width: int = 64
    is_bidirectional: bool = True
    pooling: Pooling = "attention"
    dropout: float = 0.2

    @property
    def state_width(self) -> int:
        """Values of the pooled state."""
        return self.width * (2 if self.is_bidirectional else 1)

    def check(self) -> None:
        """Refuse a form that cannot be built.

        Raises:
            SettingsError: ``E833``.
        """
        is_known = self.cell in CELLS and self.pooling in POOLINGS
        if not (is_known and 1 <= self.width <= LARGEST_WIDTH and 0 <= self.dropout < 1):
            raise SettingsError("E833", found=(self.cell, self.pooling, self.width, self.dropout))


def sequence_name(frame_network: str, cell: str) -> str:
    """Return the name of a network of sequences, such as ``small-residual+gru``."""
    return f"{frame_network}+{cell}"


def split_name(name: str) -> tuple[str | None, Cell | None]:
    """Return the frame network and the cell that a person means; None leaves a part to the plan.

    Taken are ``gru``, ``lstm``, the name of a frame network, and both joined by a plus.

    >>> split_name("lstm"), split_name("resnet18"), split_name("small-residual+GRU")
    ((None, 'lstm'), ('resnet18', None), ('small-residual', 'gru'))

    Raises:
        SettingsError: ``E831``, there is no network of this name.
    """
    parts = [part.strip() for part in name.split("+")]
    cells: dict[str, Cell] = {cell: cell for cell in CELLS}
    cell = cells.get(parts[-1].lower())
    frames = parts[:-1] if cell else parts
    if len(frames) > 1 or (not frames and cell is None):
        raise SettingsError("E831", found=name, expected=", ".join(sequence_names()))
    if not frames:
        return None, cell
    return network_facts(catalogue_name(frames[0])).name, cell


def sequence_names() -> tuple[str, ...]:
    """Return every name of the catalogue."""
    return tuple(sequence_name(frame, cell) for frame in sorted(NETWORKS) for cell in CELLS)
