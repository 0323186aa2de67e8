"""One peer of ``benchmarks.radiomics``, run by the interpreter of its own environment: reads a line, extracts, answers.

Arguments: the peer, and a folder with ``image.npy``, ``mask.npy``, ``image.nii.gz`` and ``mask.nii.gz``. Each line of
input asks for one extraction; the answer is one line of JSON with the growth of memory and a value to agree on.
"""

import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path


def pyradiomics(folder: Path) -> Callable[[], float | None]:
    import numpy as np
    import SimpleITK
    from radiomics import featureextractor, logger

    logger.setLevel(logging.ERROR)
    extractor = featureextractor.RadiomicsFeatureExtractor(binCount=32)
    image, mask = (SimpleITK.GetImageFromArray(np.load(folder / f"{name}.npy")) for name in ("image", "mask"))
    return lambda: float(extractor.execute(image, mask)["original_shape_MeshVolume"])


def mirp(folder: Path) -> Callable[[], float | None]:
    import mirp as package
    import numpy as np

    logging.disable(logging.CRITICAL)
    image, mask = np.load(folder / "image.npy").astype(float), np.load(folder / "mask.npy")
    settings = {"base_discretisation_method": "fixed_bin_number", "base_discretisation_n_bins": 32}
    return lambda: float(package.extract_features(image=image, mask=mask, **settings)[0]["morph_volume"].iloc[0])


def nyxus(folder: Path) -> Callable[[], float | None]:
    import nyxus as package

    extractor = package.Nyxus3D(["*3D_ALL*"], coarse_gray_depth=32, n_feature_calc_threads=2)
    files = [[str(folder / f"{name}.nii.gz")] for name in ("image", "mask")]

    def run() -> None:
        extractor.featurize_files(*files, False)

    return run


def status(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(key + ":")))


def main() -> None:
    warnings.simplefilter("ignore")
    run = {"pyradiomics": pyradiomics, "mirp": mirp, "nyxus": nyxus}[sys.argv[1]](Path(sys.argv[2]))
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a peer prints is no answer
    for _ in sys.stdin:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        before = status("VmRSS")
        value = run()
        grown = max(status("VmHWM") - before, 0) / 1024
        print(json.dumps({"value": value, "peak_mb": grown}), file=answers, flush=True)


if __name__ == "__main__":
    main()
