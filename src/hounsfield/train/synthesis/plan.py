"""The plan of a generator's run: everything it obeys, and the options a person has."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hounsfield.model.networks.gan_catalogue import GanSettings
from hounsfield.train.plan import Optimisation, RunPlan

Game = Literal["minimax", "saturating", "hinge", "least-squares"]
DEFAULT_FEATURES = "body-part"


@dataclass(frozen=True)
class SynthesisOptions:
    """Options of one run; None means: decided by the plan from the data.

    ``field.metadata["help"]`` of each field is its sentence.
    """

    size: int | None = field(default=None, metadata={"help": "Side of the images in pixels: 32, 64 or 128."})
    game: Game = field(
        default="minimax", metadata={"help": "Loss: minimax (non-saturating), saturating, hinge, least-squares."}
    )
    features: str = field(
        default=DEFAULT_FEATURES, metadata={"help": "Model whose features judge the images (not Inception's)."}
    )
    judges_by_training: bool = field(
        default=False, metadata={"help": "Train a classifier on synthetic images and test it on real ones."}
    )
    seed: int | None = field(default=None, metadata={"help": "Seed of every drawn number."})
    epochs: int | None = field(default=None, metadata={"help": "Passes over the training part."})
    time_limit_seconds: float | None = field(default=None, metadata={"help": "Training time; the run ends within it."})
    batch_size: int | None = field(default=None, metadata={"help": "Images of a batch."})
    learning_rate: float | None = field(default=None, metadata={"help": "Highest learning rate."})
    resume: bool = field(default=False, metadata={"help": "Go on from the last checkpoint of the run folder."})
    strict: bool = field(default=False, metadata={"help": "Refuse data with anything that would spoil a result."})
    class_names: tuple[str, ...] = field(
        default=(), metadata={"help": "Names of the classes, for data that only number them."}
    )
    name: str | None = field(default=None, metadata={"help": "Name of the generator; by default the file's."})
    licence: str = field(default="not stated", metadata={"help": "Licence of the weights."})
    threads: int | None = field(default=None, metadata={"help": "Threads of arithmetic."})
    command: str = field(default="", metadata={"help": "The command line, as the package states it."})
    models_folder: Path | None = field(default=None, metadata={"help": "Folder of models to look for features in."})


class GameLearning(Optimisation):
    """How the two networks find their weights, step by step at once (simultaneous gradients; Mescheder 2017).

    Attributes:
        first_moment: decay of the mean gradient of Adam (Radford 2015, section 4, for both networks).
        label_smoothing: taken from the wanted probability of real images alone (Salimans 2016, section 3.4).
    """

    first_moment: float = Field(0.5, ge=0, lt=1)
    label_smoothing: float = Field(0.1, ge=0, lt=0.5)

    @property
    def moment_decays(self) -> tuple[float, float]:
        """Decays of the two moments of Adam."""
        return self.first_moment, 0.999


class SynthesisPlan(RunPlan):
    """A resolved run of a generator.

    Attributes:
        class_names: what can be asked for.
        prepare: preparing steps of the images that are learned from.
        network: form of both networks.
        game: what they lower.
        features: name and weights digest of the model whose features judge.
        measured: images of the tuning part, and synthetic ones, that an epoch is measured with.
    """

    class_names: tuple[str, ...]
    prepare: tuple[dict[str, Any], ...]
    network: GanSettings
    learning: GameLearning = Field(default_factory=GameLearning)
    game: Game = "minimax"
    features: tuple[str, str]
    measured: int = Field(256, ge=20)

    @property
    def network_name(self) -> str:
        """Name of the network."""
        return "dcgan"
