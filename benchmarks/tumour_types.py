"""Types of brain tumour from deep features of whole slices, grouped by likeness: what slices and groups are worth.

``python -m benchmarks.tumour_types [PER_CLASS]`` takes slices of ``../shared/data/brain_mri``, asks the last layer of
the starter ``body-part`` about each, and prints nested cross-validation with and without groups. The set names no
patients: groups are near copies alone, so slices of one patient may still lie on both sides and both figures are
optimistic. That starter saw slices of this set as brains, not their types.
"""

import sys
from pathlib import Path

import numpy as np

from hounsfield.cases.duplicates import find_near_copies, join, thumbnail
from hounsfield.core.study import Study
from hounsfield.measuring.classifying import classify
from hounsfield.measuring.deep import deep_features
from hounsfield.measuring.deep_settings import DeepSettings
from hounsfield.measuring.feature_table import FeatureTable
from hounsfield.opening import read_volumes

DATA = Path("../shared/data/brain_mri")
MODEL = "body-part"


def main(per_class: int) -> None:
    """Print the two tables."""
    rows, about, thumbs = [], [], []
    for folder in sorted(path for path in DATA.iterdir() if path.is_dir()):
        files = sorted(folder.iterdir())
        for path in files[:: max(1, len(files) // per_class)][:per_class]:
            opened = read_volumes(path)
            volume, series = opened.volumes[0], opened.series[0]
            study = Study(series.study_instance_uid, (series,))
            inside = np.ones(volume.geometry.shape, dtype=bool)
            features, _ = deep_features((study, series, volume), inside, DeepSettings(MODEL, (), False))
            rows.append([feature.value for feature in features])
            thumbs.append(thumbnail(volume))
            about.append(folder.name)
        sys.stderr.write(f"{folder.name}\n")
    groups = join(len(rows), find_near_copies(np.stack(thumbs), np.full(len(rows), -1)).pairs)
    texts = tuple((name, str(group)) for name, group in zip(about, groups, strict=True))
    tags = tuple(f"deep_{place:03d}" for place in range(len(rows[0])))
    table = FeatureTable("brain_mri", ("type", "group"), texts, tags, np.array(rows, float), 0, "")
    for group in (None, "group"):
        found = classify(table, "type", group)
        told = found.metrics.items()
        figures = "  ".join(f"{name} {one.value:.3f} ({one.low:.3f}-{one.high:.3f})" for name, one in told)
        sys.stdout.write(f"{group or 'every slice by itself':<22} {found.group_count:>4} groups  {figures}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
