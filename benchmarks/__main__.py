"""``make bench``: the main path beside its peers, one table a job. Peers come from the extras ``train`` and ``dev``."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.side_by_side import Subject, measure, show
from hounsfield.archive.local import open_source
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.image import phantoms
from hounsfield.image.assemble import assemble
from hounsfield.metrics.discrimination import auroc
from hounsfield.prepare.sequence import apply_steps, build_steps

ROUNDS = 5


def series(folder: Path) -> None:
    """Read a CT series of 60 slices from files to a volume in Hounsfield units with its geometry."""
    import pydicom
    import SimpleITK

    geometry = VolumeGeometry((60, 512, 512), (2.0, 0.7, 0.7), (-179.2, -179.2, 0.0))
    phantoms.write_ct(folder, phantoms.BodyPhantom(geometry=geometry))

    def ours() -> float:
        with open_source(folder) as archive:
            return float(assemble(archive.studies[0].series[0]).volumes[0].array.mean())

    def ours_without_archive() -> float:
        return float(assemble(known).volumes[0].array.mean())

    def by_pydicom() -> float:
        datasets = sorted(
            (pydicom.dcmread(path) for path in folder.iterdir()), key=lambda item: item.ImagePositionPatient[2]
        )
        array = np.stack(
            [item.pixel_array * float(item.RescaleSlope) + float(item.RescaleIntercept) for item in datasets]
        )
        return float(array.mean())

    def by_simpleitk() -> float:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
        image = reader.Execute()  # the view is good only as long as the image is held
        return float(SimpleITK.GetArrayViewFromImage(image).mean())

    with open_source(folder) as archive:
        known = archive.studies[0].series[0]
        subjects = [
            Subject("hounsfield, checked archive too", ours),
            Subject("hounsfield, series known", ours_without_archive),
            Subject("pydicom loop", by_pydicom),
            Subject("SimpleITK series reader", by_simpleitk),
        ]
        show("CT series, 60 x 512 x 512, files to HU volume", measure(subjects, ROUNDS))


def shrink() -> None:
    """Shrink a film of 2000 x 2000 to 224 x 224 by area averaging."""
    from PIL import Image
    from skimage.transform import resize

    picture = np.random.default_rng(0).random((2000, 2000), np.float32)
    volume = Volume(picture[None], VolumeGeometry((1, 2000, 2000)), Quantity.DISPLAY)
    steps = build_steps([{"step": "resize", "rows": 224, "columns": 224}])
    flat = Image.fromarray(picture)
    subjects = [
        Subject("hounsfield resize (area)", lambda: apply_steps(steps, volume)[0].array.mean()),
        Subject("Pillow BOX", lambda: np.asarray(flat.resize((224, 224), Image.Resampling.BOX)).mean()),
        Subject("skimage resize, anti-aliased", lambda: resize(picture, (224, 224), anti_aliasing=True).mean()),
    ]
    show("Film 2000 x 2000 to 224 x 224, float32", measure(subjects, ROUNDS))


def network() -> None:
    """Ask the chest starter about one picture: our predictor beside torch in eager mode with a network of its form."""
    import torch

    from hounsfield.model.networks.build import build_network
    from hounsfield.model.networks.catalogue import NetworkSettings
    from hounsfield.model.predictor import Predictor
    from hounsfield.model.registry import find_model

    form = {"stem_kernel": 3, "stem_stride": 1, "widths": (32, 64, 128), "depths": (1, 1, 1), "strides": (2, 2, 2)}
    settings = NetworkSettings("small-residual", 2, rows=32, columns=32, standardise=True, **form)
    torch.set_num_threads(1)
    predictor, same = Predictor(find_model("chest-xray-pneumonia"), threads=1), build_network(settings).eval()
    image = np.random.default_rng(0).random((1, 1, 32, 32), np.float32)
    tensor = torch.from_numpy(image)

    def by_torch() -> float:
        with torch.inference_mode():
            return float(same(tensor).sum())

    subjects = [
        Subject("hounsfield predictor, map included", lambda: predictor.run(image)),
        Subject("torch eager, logits alone", by_torch),
    ]
    show("One picture of 32 x 32 through the chest starter's network, one thread", measure(subjects, 50))


def area_under_curve() -> None:
    """AUROC of 100 000 cases."""
    from sklearn.metrics import roc_auc_score

    chance = np.random.default_rng(0)
    labels = chance.integers(0, 2, 100_000)
    scores = labels * 0.5 + chance.normal(size=100_000)
    subjects = [
        Subject("hounsfield auroc", lambda: auroc(labels > 0, scores)),
        Subject("scikit-learn roc_auc_score", lambda: roc_auc_score(labels, scores)),
    ]
    show("AUROC of 100 000 cases", measure(subjects, ROUNDS))


def main() -> None:
    """Run every benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        series(Path(folder))
    shrink()
    network()
    area_under_curve()


if __name__ == "__main__":
    main()
