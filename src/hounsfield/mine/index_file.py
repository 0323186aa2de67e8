"""Index file: an index of similar cases as one npz without pickles; names of cases are those of the data set."""

import json
import zipfile
from pathlib import Path

import numpy as np

from hounsfield.errors import DatasetError
from hounsfield.image.saving import whole_file
from hounsfield.mine.similar import IndexedCase, SimilarIndex

FORMAT = 1


def write_index(index: SimilarIndex, path: Path) -> None:
    """Write an index; an existing file is never overwritten.

    Raises:
        SettingsError: ``E340``, the file is there.
    """
    told = {
        "format": FORMAT,
        "model": index.model,
        "cases": [[one.identifier, one.patient, one.outcome, one.facts] for one in index.cases],
    }
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, embeddings=index.embeddings, told=np.array(json.dumps(told)))


def read_index(path: Path) -> SimilarIndex:
    """Read an index.

    Raises:
        DatasetError: ``E290`` it is no index, ``E292`` its parts do not belong together.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            told, embeddings = json.loads(str(file["told"])), np.asarray(file["embeddings"], np.float32)
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']}")
        name, version, digest = (str(part) for part in told["model"])
        cases = tuple(
            IndexedCase(str(one), str(patient), str(outcome), tuple((str(key), str(value)) for key, value in facts))
            for one, patient, outcome, facts in told["cases"]
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DatasetError("E290", found=path.name, reason=type(error).__name__) from error
    return SimilarIndex((name, version, digest), cases, embeddings)
