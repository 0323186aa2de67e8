"""Train the blind-spot network of the step ``blind-spot`` from noisy images alone, and export it to ONNX.

    python starters/train_blind_spot.py ../shared/data FOLDER [--threads 1] [--steps 1500]

The network tells what a sample is likely to be from its neighbours without seeing the sample: a mean and a standard
deviation for each (Laine, Karras, Lehtinen and Aila 2019, arXiv:1901.10277). It never learns from a clean image: the
loss is the likelihood of the noisy sample. Its first layer leaves out the middle of a 5 x 5 window and the others have
a dilation of 3, so that no path leads back to the middle (Wu, Liu, Cao, Ren and Zuo 2020, arXiv:2008.13751). The same
seed and number of threads give the same network.
"""

import argparse
import hashlib
import io
import json
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from hounsfield.train.export import repeatable_bytes

sys.path.insert(0, str(Path(__file__).parent))
from blind_spot_data import (
    NOISES,
    TRAINING,
    TUNING,
    Picture,
    Pixels,
    dead_leaves,
    pictures,
)  # this folder is no package

SEED = 0
WIDTH, BLOCKS, DILATION = 32, 4, 3
MARGIN = 2 + BLOCKS * DILATION
PATCH, BATCH = 66, 6
CONTRAST = (3.0, 200.0)
OPSET = 17
LARGEST_BYTES = 200_000


class BlindSpotNetwork(nn.Module):
    """Noisy images (image, 1, row, column) in units of the noise to mean and standard deviation, smaller by a margin.

    The weights of the first layer sum to 0 and the mean is told from that of the eight neighbours, so that a constant
    added to the image is added to the mean and changes nothing else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, WIDTH, 5)
        self.blocks = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, dilation=DILATION) for _ in range(BLOCKS))
        self.head = nn.Conv2d(WIDTH, WIDTH, 1)
        self.last = nn.Conv2d(WIDTH, 2, 1)
        hole = torch.ones(1, 1, 5, 5)
        hole[..., 2, 2] = 0
        self.register_buffer("hole", hole)
        ring = torch.full((1, 1, 3, 3), 1 / 8)
        ring[..., 1, 1] = 0
        self.register_buffer("ring", ring)
        for layer in (self.first, *self.blocks, self.head):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)

    def blind_weight(self) -> Tensor:
        """Return the first layer's weights: 0 in the middle, with a sum of 0 over the others."""
        weight = self.first.weight * self.hole
        return (weight - weight.sum((2, 3), keepdim=True) / 24) * self.hole

    def forward(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation."""
        features = functional.conv2d(noisy, self.blind_weight(), self.first.bias)
        for block in self.blocks:
            near = features[..., DILATION:-DILATION, DILATION:-DILATION]
            features = near + block(functional.relu(features)) * 0.5
        return self.told_from(features, noisy)

    def in_phases(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same for sides that the dilation divides: its phases side by side train twice as fast."""
        features = functional.conv2d(noisy, self.blind_weight(), self.first.bias)
        count = len(features)
        features = features.unflatten(2, (-1, DILATION)).unflatten(4, (-1, DILATION)).permute(0, 3, 5, 1, 2, 4)
        features = features.flatten(0, 2)
        for block in self.blocks:
            mixed = functional.conv2d(functional.relu(features), block.weight, block.bias)
            features = features[..., 1:-1, 1:-1] + mixed * 0.5
        features = features.unflatten(0, (count, DILATION, DILATION)).permute(0, 3, 4, 1, 5, 2)
        features = features.flatten(4, 5).flatten(2, 3)
        return self.told_from(features, noisy)

    def told_from(self, features: Tensor, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation from the last features."""
        told = self.last(functional.relu(self.head(functional.relu(features))))
        inner = noisy[..., MARGIN - 1 : 1 - MARGIN, MARGIN - 1 : 1 - MARGIN]
        mean = functional.conv2d(inner, self.ring) + told[:, :1]
        return mean, functional.softplus(told[:, 1:])


def loss_of(network: BlindSpotNetwork, noisy: Tensor) -> Tensor:
    """Return the negative log-likelihood of the noisy samples, whose own noise has a variance of 1."""
    mean, deviation = network.in_phases(noisy)
    middle = noisy[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    variance = deviation * deviation + 1
    return (0.5 * torch.log(variance) + 0.5 * (middle - mean) ** 2 / variance).mean()


def batches(shown: list[Picture], chance: np.random.Generator) -> Iterator[Tensor]:
    """Give batches of noisy patches without end: modalities alike often, and dead leaves for a third."""
    kinds = sorted({picture.modality for picture in shown})
    by_kind = {kind: [picture.pixels for picture in shown if picture.modality == kind] for kind in kinds}
    side = PATCH + 2 * MARGIN
    while True:
        patches = []
        for _ in range(BATCH):
            if chance.uniform() < 0.35:
                clean = dead_leaves(side, chance)
            else:
                among = by_kind[kinds[int(chance.integers(len(kinds)))]]
                clean = _crop(among[int(chance.integers(len(among)))], side, chance)
            patches.append(noisy_patch(clean, chance))
        yield torch.from_numpy(np.stack(patches)[:, None])


def noisy_patch(clean: Pixels, chance: np.random.Generator) -> Pixels:
    """Return a patch in units of its noise: contrast drawn evenly on a logarithmic scale, one of three noises.

    The deviation that the step estimates is off by some per cent, and so is this one.
    """
    contrast = np.exp(chance.uniform(*np.log(CONTRAST)))
    kind = ("gaussian", "gaussian", "poisson", "rician")[int(chance.integers(4))]
    noisy = NOISES[kind]((clean * contrast).astype(np.float32), chance)
    return np.asarray(noisy * np.exp(chance.normal(0, 0.05)), np.float32)


def _crop(pixels: Pixels, side: int, chance: np.random.Generator) -> Pixels:
    """Return a square of a picture, turned, mirrored, inverted by chance; small pictures are mirrored at the edge."""
    short = [max(0, side - length) for length in pixels.shape]
    if any(short):
        pixels = np.pad(pixels, [(0, length) for length in short], mode="symmetric")
    row, column = (int(chance.integers(0, length - side + 1)) for length in pixels.shape)
    patch = np.rot90(pixels[row : row + side, column : column + side], int(chance.integers(4)))
    patch = patch[:, ::-1] if chance.uniform() < 0.5 else patch
    return np.ascontiguousarray(-patch if chance.uniform() < 0.3 else patch)


def train(shown: list[Picture], tuned: list[Picture], steps: int) -> tuple[BlindSpotNetwork, list[float]]:
    """Return the averaged network and its loss on the tuning part, every 200 steps."""
    torch.manual_seed(SEED)
    network, average = BlindSpotNetwork(), BlindSpotNetwork()
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps, pct_start=0.1)
    source, history, began = batches(shown, np.random.default_rng(SEED)), [], time.monotonic()
    held = [batch for _, batch in zip(range(12), batches(tuned, np.random.default_rng(1)), strict=False)]
    for step in range(steps):
        loss = loss_of(network, next(source))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            keep = min(0.998, (step + 1) / (step + 10))
            for kept, now in zip(average.parameters(), network.parameters(), strict=True):
                kept.lerp_(now, 1 - keep)
            if (step + 1) % 200 == 0 or step + 1 == steps:
                history.append(float(np.mean([loss_of(average, batch).item() for batch in held])))
                sys.stderr.write(f"{step + 1} {history[-1]:.4f} {time.monotonic() - began:.0f} s\n")
    return average.eval(), history


def onnx_bytes(network: BlindSpotNetwork) -> bytes:
    """Return the network as ONNX with free sizes; the hole and the zero sum are in the weights."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, 64, 64),),
            stream,
            input_names=["noisy"],
            output_names=["mean", "deviation"],
            dynamic_axes={name: {0: "image", 2: "row", 3: "column"} for name in ("noisy", "mean", "deviation")},
            opset_version=OPSET,
            dynamo=False,
        )
    raw = repeatable_bytes(stream.getvalue())
    onnx.checker.check_model(raw, full_check=True)
    if len(raw) > LARGEST_BYTES:
        raise SystemExit(f"{len(raw)} bytes, at most {LARGEST_BYTES}")
    return raw


def main() -> None:
    """Train, export and write the network with what is said of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1500)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.use_deterministic_algorithms(True)
    network, history = train(pictures(asked.data, TRAINING), pictures(asked.data, TUNING), asked.steps)
    raw = onnx_bytes(network)
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / "blind-spot.onnx").write_bytes(raw)
    about = {
        "name": "blind-spot",
        "version": "1.0.0",
        "weights_digest": hashlib.sha256(raw).hexdigest(),
        "margin": MARGIN,
        "period": DILATION,
        "lowest_contrast_to_noise": CONTRAST[0],
        "highest_contrast_to_noise": CONTRAST[1],
    }
    (asked.folder / "blind-spot.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    record = {"seed": SEED, "steps": asked.steps, "threads": asked.threads, "tuning_loss": history}
    (asked.folder / "training.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
