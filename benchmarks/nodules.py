"""Nodule search: fit its small model to phantoms, and measure it on nodules put into a real chest CT.

``python benchmarks/nodules.py fit`` draws chests with vessels and nodules, fits the logistic model to the candidates
and writes ``build/nodule_candidates.json``; whole chests are left out for its figures. ``bench`` puts nodules of
4-20 mm into the CT of the IBSI 1 phantom, prints the FROC and the competition metric (CPM). ``fit`` never sees that CT,
but the hand-set weights and the threshold of the package were chosen after a look at it: its figures are optimistic.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from hounsfield.clinical.chest_ct.judge import FEATURES, BallDetector, design, features_of
from hounsfield.clinical.chest_ct.lungs import Lungs, find_lungs
from hounsfield.clinical.chest_ct.phantom import Ball, ChestCt, add_ball
from hounsfield.clinical.chest_ct.search import Candidate, find_candidates
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.metrics.froc import Candidates, competition_score_of, froc_curve, sensitivity_at_of

HOME = Path(__file__).resolve().parents[1]
WEIGHTS = HOME / "build/nodule_candidates.json"
Row = npt.NDArray[Any]
Size = tuple[float, float, float]
IBSI = Path("../shared/data/ibsi/ibsi_1_ct_radiomics_phantom/nifti")
SPACINGS = ((1.0, 0.8, 0.8), (1.5, 1.0, 1.0), (2.0, 0.8, 0.8), (3.0, 1.0, 1.0))


def read_ct(path: Path) -> Volume:
    """Return a NIfTI CT as a volume whose rows run to the back and columns to the left."""
    image = nibabel.load(path)
    array = np.asarray(image.dataobj, dtype=np.float32)
    ends = nibabel.aff2axcodes(image.affine)
    array = array[:: -1 if ends[0] == "R" else 1, :: -1 if ends[1] == "A" else 1].transpose(2, 1, 0)
    zooms = [float(zoom) for zoom in image.header.get_zooms()]
    geometry = VolumeGeometry(array.shape, (zooms[2], zooms[1], zooms[0]))
    return Volume(np.ascontiguousarray(np.rint(array).astype(np.int16)), geometry, Quantity.HOUNSFIELD)


def draw_nodules(
    volume: Volume, lungs: Lungs, count: int, generator: np.random.Generator, dense_allowed: bool = False
) -> tuple[Volume, tuple[Ball, ...]]:
    """Return a volume with nodules of 4-20 mm at random places of the lungs, blurred like the scan, and the nodules."""
    spacing = np.asarray(volume.geometry.spacing_mm)
    places = np.argwhere(np.logical_or.reduce([lung.mask for lung in lungs.lungs])) * np.asarray(lungs.factors)
    added, balls = np.zeros(volume.array.shape, np.float32), []
    array = volume.array.astype(np.float32)
    for _ in range(4000):
        if len(balls) == count:
            break
        index = places[generator.integers(len(places))] + generator.uniform(0, 1, 3)
        centre = volume.geometry.to_patient([index])[0]
        size = float(np.exp(generator.uniform(np.log(4), np.log(20))))
        if any(np.linalg.norm(centre - b.centre_mm) < 25 for b in balls):
            continue
        low = np.maximum(np.floor(index - size / 2 / spacing).astype(int), 0)
        high = np.ceil(index + size / 2 / spacing).astype(int) + 1
        around = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        if (around > -300).mean() > 0.25 and not dense_allowed:  # it would drown in what is dense already
            continue
        stretch = generator.uniform(0.85, 1.15, 3)
        hounsfield = 40.0 if generator.random() < 0.75 else -600.0
        balls.append(Ball(tuple(centre), tuple(size * stretch), hounsfield))
    for ball in balls:
        field = np.zeros(array.shape, np.float32)
        add_ball(field, volume.geometry, Ball(ball.centre_mm, ball.diameters_mm, 1.0))
        field = gaussian_filter(field, (0.0, 0.6 / spacing[1], 0.6 / spacing[2]))
        array += field * (np.maximum(ball.hounsfield, array) - array)
        added = np.maximum(added, field)
    return volume.with_array(np.rint(array).astype(np.int16)), tuple(balls)


def owners(volume: Volume, found: Sequence[Candidate], balls: Sequence[Ball]) -> Row:
    """Return the number of the nodule that each candidate lies in, -1 for none."""
    result = np.full(len(found), -1)
    for number, one in enumerate(found):
        place = volume.geometry.to_patient([one.index])[0]
        for index, ball in enumerate(balls):
            if np.linalg.norm(place - ball.centre_mm) <= max(np.mean(ball.diameters_mm) / 2, 2.0):
                result[number] = index
    return result


def chest_rows(seed: int) -> tuple[Row, Row]:
    """Return features and answers of the candidates of one drawn chest."""
    generator = np.random.default_rng(seed)
    chest = ChestCt(SPACINGS[seed % 4], (150.0, 200.0, 290.0), (), 4 + seed % 5, 0.6, 15.0 + 5 * (seed % 3), seed)
    volume = chest.volume()
    volume, balls = draw_nodules(volume, find_lungs(volume), 16, generator, dense_allowed=True)
    lungs = find_lungs(volume)
    found = find_candidates(volume, lungs)[:250]
    rows = np.array([features_of(volume, lungs, one) for one in found])
    return rows, owners(volume, found, balls) >= 0


def fit(chests: int, output: Path) -> None:
    """Fit the model to all but every fourth chest and write it with its figures on the others."""
    parts = [chest_rows(seed) for seed in range(chests)]
    held = [part for number, part in enumerate(parts) if number % 4 == 3] or parts[-1:]
    kept = [part for number, part in enumerate(parts) if number % 4 != 3]
    rows, answers = np.vstack([p[0] for p in kept]), np.concatenate([p[1] for p in kept])
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    weights = fit_logistic(design(rows, mean, spread), answers)
    test, truth = np.vstack([p[0] for p in held]), np.concatenate([p[1] for p in held])
    scores = 1 / (1 + np.exp(-design(test, mean, spread) @ weights))
    rank = np.argsort(np.argsort(scores))
    positives = int(truth.sum())
    area = (rank[truth].sum() - positives * (positives - 1) / 2) / max(1, positives * (len(truth) - positives))
    card = {
        "version": "1.0.0",
        "purpose": "Tells nodules from vessels among the candidates of the ball filter. For research and teaching.",
        "data": f"{chests} chests drawn by clinical/chest_ct/phantom.py with nodules of 4-20 mm; no patient's image.",
        "licence": "the licence of this package",
        "split": "whole chests: every fourth held out",
        "fitted_by": "benchmarks/nodules.py fit",
        "held_out_auroc": round(float(area), 4),
        "held_out_candidates": len(truth),
        "limits": "Drawn nodules are smooth; no patient's nodules were learned from.",
        "features": list(FEATURES),
        "mean": [round(float(v), 6) for v in mean],
        "spread": [round(float(v), 6) for v in spread],
        "weights": [round(float(v), 6) for v in weights],
        "threshold": 0.5,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"candidates {len(answers)} nodules {int(answers.sum())} held-out AUROC {area:.4f}\n")


def fit_logistic(matrix: Row, answers: Row, penalty: float = 3.0) -> Row:
    """Return the weights of least penalised loss, both classes with equal weight."""
    signs = np.where(answers, 1.0, -1.0)
    share = np.where(answers, 0.5 / answers.mean(), 0.5 / (1 - answers.mean()))

    def loss(weights: Row) -> tuple[float, Row]:
        margin = signs * (matrix @ weights)
        slope = -(share * signs / (1 + np.exp(np.clip(margin, -50, 50)))) @ matrix
        ridge = np.append(weights[:-1], 0.0)
        return (share * np.logaddexp(0, -margin)).sum() + penalty * ridge @ ridge / 2, slope + penalty * ridge

    return minimize(loss, np.zeros(matrix.shape[1]), jac=True, method="L-BFGS-B").x


def bench(data: Path, copies: int, count: int) -> None:
    """Put nodules into the real CT, search each copy, and print FROC and CPM."""
    volume = read_ct(data / "image/phantom.nii.gz")
    mask = np.asarray(nibabel.load(data / "mask/mask.nii.gz").dataobj).transpose(2, 1, 0) > 0
    lungs = find_lungs(volume)
    images, scores, objects, object_images, sizes = [], [], [], [], []
    for copy in range(copies):
        scan, balls = draw_nodules(volume, lungs, count, np.random.default_rng(100 + copy))
        started = time.monotonic()
        found = BallDetector().detect(scan, find_lungs(scan))
        wall = time.monotonic() - started
        number = owners(scan, found, balls)
        for one, owner in zip(found, number, strict=True):
            index = tuple(np.rint(one.index).astype(int))
            if owner < 0 and mask[index]:
                continue  # the patient's own tumour counts neither way
            images.append(copy)
            scores.append(one.score)
            objects.append(owner + len(object_images) if owner >= 0 else -1)
        best = {
            int(n): max(o.score for o, k in zip(found, number, strict=True) if k == n) for n in set(number) if n >= 0
        }
        for index, ball in enumerate(balls):
            sizes.append((float(np.mean(ball.diameters_mm)), ball.hounsfield, best.get(index, 0.0)))
            object_images.append(copy)
        sys.stdout.write(f"copy {copy}: {len(balls)} nodules, {len(best)} among the candidates, {wall:.1f} s\n")
    report(images, scores, objects, object_images, copies, sizes)


def report(
    images: list[int], scores: list[float], objects: list[int], object_images: list[int], copies: int, sizes: list[Size]
) -> None:
    """Print the curve."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    found = Candidates(*(np.asarray(v)[order] for v in (images, scores, objects)), np.asarray(object_images), copies)
    weights = np.ones((1, copies))
    for rate in (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        sys.stdout.write(
            f"FROC sensitivity at {rate:g} false positives a scan: {sensitivity_at_of(found, rate)(weights)[0]:.3f}\n"
        )
    sys.stdout.write(f"CPM {competition_score_of(found)(weights)[0]:.3f} over {len(object_images)} nodules\n")
    curve = froc_curve(found)
    limit = curve.thresholds[np.searchsorted(curve.false_positives, 4.0, side="right") - 1]
    sys.stdout.write(f"score at 4 false positives a scan: {limit:.4f}\n")
    for size, hounsfield, score in sizes:
        if score < limit:
            sys.stdout.write(f"missed there: {size:.1f} mm, {hounsfield:.0f} HU, score {score:.3f}\n")


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("fit", "bench"))
    parser.add_argument("--chests", type=int, default=12)
    parser.add_argument("--copies", type=int, default=6)
    parser.add_argument("--nodules", type=int, default=10)
    parser.add_argument("--data", type=Path, default=HOME / IBSI)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    if options.part == "fit":
        fit(options.chests, options.output)
    else:
        bench(options.data, options.copies, options.nodules)


if __name__ == "__main__":
    main()
