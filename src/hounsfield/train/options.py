"""What a person may ask of a training run; a field's sentence is the help of its option on the command line."""

from dataclasses import dataclass, field
from pathlib import Path

from hounsfield.cases.splits import Fold


@dataclass(frozen=True)
class TrainOptions:
    """Options of one run; None means: decided by the recipe, else by the plan from the data.

    ``field.metadata["help"]`` of each field is its sentence.
    """

    recipe: Path | None = field(
        default=None, metadata={"help": "Recipe file (TOML): model facts, preparing steps, network, augmentation."}
    )
    network: str | None = field(
        default=None,
        metadata={"help": "Network by name: article, small-residual, resnet18, densenet-121, efficientnet-b0 ..."},
    )
    size: int | None = field(default=None, metadata={"help": "Side in pixels that images are prepared to."})
    seed: int | None = field(
        default=None, metadata={"help": "Seed of every drawn number; the same seed gives the same weights on a CPU."}
    )
    epochs: int | None = field(default=None, metadata={"help": "Passes over the training part."})
    time_limit_seconds: float | None = field(
        default=None, metadata={"help": "Training time; the schedule is shortened to end within it."}
    )
    batch_size: int | None = field(default=None, metadata={"help": "Images of a batch."})
    learning_rate: float | None = field(default=None, metadata={"help": "Highest learning rate."})
    task: str = field(
        default="auto",
        metadata={
            "help": "What is learned: auto, classification, regression, multi-label, ordinal, sequence, several."
        },
    )
    modality: str | None = field(
        default=None, metadata={"help": "What the images are (US, MR, CT, DX, SM ...), where files do not say it."}
    )
    multi_scale: bool = field(default=False, metadata={"help": "Draw batches at several sizes."})
    start_from: str | None = field(
        default=None, metadata={"help": "Model package, or file of weights (.safetensors, .pt), to start from."}
    )
    freeze_epochs: float | None = field(
        default=None, metadata={"help": "Epochs in which only the fresh layers learn, with start_from; 1 by default."}
    )
    trunk_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the weights taken, as a share of the run's; 0.3 by default."}
    )
    generator: str | None = field(
        default=None, metadata={"help": "Generator whose synthetic images fill rare classes of the training part."}
    )
    fold: Fold | None = field(
        default=None, metadata={"help": "Fold of the cases that is the test part, of a cross-validation."}
    )
    resume: bool = field(default=False, metadata={"help": "Go on from the last checkpoint of the run folder."})
    strict: bool = field(default=False, metadata={"help": "Refuse data with anything that would spoil a result."})
    class_names: tuple[str, ...] = field(
        default=(), metadata={"help": "Names of the classes, for data that only number them."}
    )
    name: str | None = field(
        default=None, metadata={"help": "Name of the model; by default the name of the output file."}
    )
    threads: int | None = field(
        default=None, metadata={"help": "Threads of arithmetic; by default the cores this process may use."}
    )
    command: str = field(default="", metadata={"help": "The command line, as the model package states it."})


@dataclass(frozen=True)
class PartResult:
    """Metrics of one part of the data.

    Attributes:
        part: ``tuning`` or ``test``.
        case_count: number of cases.
        metrics: value, low and high of each metric by name.
    """

    part: str
    case_count: int
    metrics: dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class TrainResult:
    """What a finished run wrote.

    Attributes:
        model: the model package.
        run_folder: plan, log, checkpoints, figures and report.
        report: the HTML page.
        weights_digest: SHA-256 of ``network.onnx``.
        results: metrics of the tuning part, then of the test part where there is one.
        epochs_run: epochs that were trained.
        stopped_by: ``schedule``, ``early stop`` or ``time limit``.
        seconds: time of the whole run, earlier interrupted ones included.
    """

    model: Path
    run_folder: Path
    report: Path
    weights_digest: str
    results: tuple[PartResult, ...]
    epochs_run: int
    stopped_by: str
    seconds: float
