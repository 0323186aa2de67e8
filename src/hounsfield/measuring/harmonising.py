"""ComBat over a table of features: learned of the training part, kept as a file, applied to other tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield import __version__
from hounsfield.errors import DatasetError
from hounsfield.image.saving import whole_file
from hounsfield.measuring.feature_table import MAX_BYTES, FeatureTable
from hounsfield.radiomics.harmonise import Harmonisation, learn_harmonisation

FORMAT = "hounsfield-combat-1"
TRAINING = ("training", "train")
PARTS = ("mean", "effects", "deviation", "shifts", "variances")

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Covariate:
    """What is to be kept: a number, or a word of which each level but the first has a column.

    Attributes:
        column: name.
        levels: words, sorted; empty for a number.
    """

    column: str
    levels: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: str, texts: Sequence[str]) -> "Covariate":
        """Return the covariate of a column: a number where every text is one."""
        try:
            [float(text) for text in texts]
        except ValueError:
            return cls(column, tuple(sorted(set(texts))))
        return cls(column)

    @property
    def width(self) -> int:
        """Number of its columns."""
        return len(self.levels) - 1 if self.levels else 1

    def coded(self, table: FeatureTable) -> Table:
        """Return the columns (region, column) of the covariate.

        Raises:
            DatasetError: ``E711``, a row has no value, or one that was not learned.
        """
        texts = table.column(self.column)
        unknown = sorted(set(texts) - set(self.levels)) if self.levels else [one for one in texts if not _finite(one)]
        if unknown:
            expected = ", ".join(self.levels) or "0.0"
            raise DatasetError("E711", file=table.name, found=f"{self.column} = {unknown[0]}", expected=expected)
        if not self.levels:
            return np.array(texts, dtype=np.float64)[:, np.newaxis]
        return np.array([[float(text == level) for level in self.levels[1:]] for text in texts]).reshape(len(texts), -1)


def _finite(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


@dataclass(frozen=True)
class TableHarmonisation:
    """What was learned of a table.

    Attributes:
        batch: column that tells the batch.
        covariates: that are kept.
        tags: features that are changed.
        learned: of them.
        training_count: regions that it was learned of.
        sha256: of the table.
    """

    batch: str
    covariates: tuple[Covariate, ...]
    tags: tuple[str, ...]
    learned: Harmonisation
    training_count: int
    sha256: str

    def apply(self, table: FeatureTable) -> FeatureTable:
        """Return a table without what is of the batches; features that were not learned stay as they are.

        Raises:
            DatasetError: ``E711`` a column or feature is missing, ``E983`` a batch was not learned.
        """
        missing = [tag for tag in self.tags if tag not in table.tags]
        if missing:
            raise DatasetError("E711", file=table.name, found=missing[0], expected=f"{len(self.tags)}")
        places = [table.tags.index(tag) for tag in self.tags]
        kept = _coded(self.covariates, table)
        values = table.values.copy()
        values[:, places] = self.learned.apply(values[:, places], table.column(self.batch), kept)
        return table.with_values(values)


def _coded(covariates: Sequence[Covariate], table: FeatureTable) -> Table:
    return np.hstack([np.zeros((len(table.about), 0)), *(one.coded(table) for one in covariates)])


def learn_of_table(
    table: FeatureTable, batch: str, keep: Sequence[str] = (), split: str | None = None
) -> TableHarmonisation:
    """Learn how batches differ, of the training part of a table alone.

    Features of which a training region has no value are not learned, and stay as they are.

    Args:
        table: of features.
        batch: column.
        keep: columns of covariates.
        split: column whose rows with ``training`` or ``train`` are learned of; None takes every row, which is right
            only where no row is tested.

    Raises:
        DatasetError: ``E711`` a column is missing or says nowhere that a row is for training; ``E984`` batches and
            covariates cannot be told apart, or are too small.
    """
    rows = np.arange(len(table.about))
    if split is not None:
        parts = table.column(split)
        rows = np.flatnonzero([part.lower() in TRAINING for part in parts])
        if not len(rows):
            raise DatasetError("E711", file=table.name, found=f"{split} = {parts[0]}", expected=", ".join(TRAINING))
    own = FeatureTable(
        table.name, table.columns, tuple(table.about[row] for row in rows), table.tags, table.values[rows], 0, ""
    )
    covariates = tuple(Covariate.of(column, own.column(column)) for column in keep)
    whole = np.asarray(np.isfinite(own.values).all(axis=0))
    tags = tuple(tag for tag, is_whole in zip(table.tags, whole.tolist(), strict=True) if is_whole)
    if not tags:
        raise DatasetError("E710", file=table.name, found=f"{len(rows)} x 0")
    learned = learn_harmonisation(own.values[:, whole], own.column(batch), _coded(covariates, own))
    return TableHarmonisation(batch, covariates, tags, learned, len(rows), table.sha256)


def batch_share(values: Table, batches: Sequence[str]) -> float:
    """Return which part of their variance features owe to batches: the median of eta squared over the features.

    Args:
        values: (region, feature); features that are not whole or never change do not count.
        batches: of the regions.
    """
    kept = values[:, np.isfinite(values).all(axis=0)]
    total = ((kept - kept.mean(axis=0)) ** 2).sum(axis=0)
    between = np.zeros(kept.shape[1])
    for name in set(batches):
        group = kept[[one == name for one in batches]]
        between += len(group) * (group.mean(axis=0) - kept.mean(axis=0)) ** 2
    moving = total > 0
    return float(np.median(between[moving] / total[moving])) if moving.any() else float("nan")


def parameters_json(found: TableHarmonisation) -> dict[str, Any]:
    """Return everything that was learned, numbers unrounded."""
    learned = found.learned
    return {
        "format": FORMAT,
        "software": f"hounsfield {__version__}",
        "source": "Johnson, Li and Rabinovic 2007, Biostatistics 8:118; Fortin et al. 2018, NeuroImage 167:104",
        "batch": found.batch,
        "covariates": [{"column": one.column, "levels": list(one.levels)} for one in found.covariates],
        "features": list(found.tags),
        "training_regions": found.training_count,
        "table_sha256": found.sha256,
        "batches": list(learned.batches),
        **{part: getattr(learned, part).tolist() for part in PARTS},
    }


def write_parameters(found: TableHarmonisation, path: Path) -> Path:
    """Write what was learned as JSON and return the path; it is never overwritten.

    Raises:
        SettingsError: ``E340``, something stands there.
    """
    with whole_file(path) as partial:
        text = json.dumps(parameters_json(found), ensure_ascii=False, indent=1, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
    return path


def read_parameters(path: Path) -> TableHarmonisation:
    """Return what ``write_parameters`` wrote.

    Raises:
        DatasetError: ``E713``, the file holds no parameters, or their numbers do not fit together.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"> {MAX_BYTES} B")
        return _parsed(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DatasetError("E713", file=path.name, found=error.strerror or type(error).__name__) from error
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError) as error:
        raise DatasetError("E713", file=path.name, found=f"{type(error).__name__}: {error}"[:80]) from error


def _parsed(told: dict[str, Any]) -> TableHarmonisation:
    if told["format"] != FORMAT:
        raise ValueError(str(told["format"]))
    covariates = tuple(Covariate(str(one["column"]), tuple(map(str, one["levels"]))) for one in told["covariates"])
    tags, batches = tuple(map(str, told["features"])), tuple(map(str, told["batches"]))
    parts = {part: np.array(told[part], dtype=np.float64) for part in PARTS}
    parts["effects"] = parts["effects"].reshape(sum(one.width for one in covariates), len(tags))
    rows: dict[str, tuple[int, ...]] = {"shifts": (len(batches),), "variances": (len(batches),)}
    for part, values in parts.items():
        wanted = values.shape if part == "effects" else (*rows.get(part, ()), len(tags))
        if values.shape != wanted or not np.isfinite(values).all():
            raise ValueError(part)
    if (parts["variances"] <= 0).any() or (parts["deviation"] < 0).any():
        raise ValueError("variances")
    learned = Harmonisation(batches, **parts)
    counted, digest = int(told["training_regions"]), str(told["table_sha256"])
    return TableHarmonisation(str(told["batch"]), covariates, tags, learned, counted, digest)
