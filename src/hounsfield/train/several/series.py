"""Several series of a case in training: prepared one by one, joined with the planes that say what was given."""

import numpy as np
import torch
from torch import Tensor

from hounsfield.cases.guard import Examination
from hounsfield.cases.several import SeveralTable
from hounsfield.cases.views import view_table
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.prepare.sequence import build_steps
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.gather import Preparer, part_of
from hounsfield.train.parts import Parts
from hounsfield.train.several.plan import SeveralPlan


def with_planes(images: Tensor, is_given: Tensor) -> Tensor:
    """Return series (image, series, row, column), 0 where not given, and a plane for each of whether it was given."""
    planes = is_given[:, :, None, None].to(images.dtype).expand_as(images)
    return torch.cat([images * planes, planes], 1)


def gather_series(
    several: SeveralTable,
    examination: Examination,
    chosen: dict[str, tuple[int, ...]],
    plan: SeveralPlan,
    quantity: str,
    talk: Talk,
) -> Parts:
    """Prepare every series of all parts, as ``gather_parts`` does one image; a series that was not given stays 0.

    Raises:
        PrepareError: a step cannot be applied.
        DatasetError: ``E840`` the steps do not lead to the network's input, ``E939`` series that are to be channels of
            one grid have different sizes.
    """
    indices = [index for part in chosen.values() for index in part]
    position_of = {index: position for position, index in enumerate(indices)}
    network, table = plan.network, several.table
    images = np.zeros((len(indices), len(several.views), network.rows, network.columns), dtype=np.float32)
    preparer = Preparer(build_steps(list(plan.prepare)), quantity, plan)
    shapes: dict[int, tuple[int, int, int]] = {}
    total, done = sum(int(view.is_given[indices].sum()) for view in several.views), 0
    for channel, view in enumerate(several.views):
        own = [index for index in indices if view.cases[index] is not None]
        for index, image in view_table(table, view).read_all(own):
            if isinstance(image, HounsfieldError):
                raise image
            shape = image.volume.geometry.shape
            if shapes.setdefault(index, shape) != shape and plan.fusion and plan.fusion.kind == "channels":
                case = table.cases[index].identifier
                raise DatasetError("E939", case=case, found=shape, expected=shapes[index])
            images[position_of[index], channel] = preparer.prepare(image)[0]
            done += 1
            talk(TrainEvent("ui.train.preparing", {"done": done, "total": total}, done, total))
    start, parts = 0, {}
    clusters = np.zeros(len(table), dtype=np.int64)
    for name, part in chosen.items():
        parts[name] = part_of(table, examination.groups, part, images[start : start + len(part)], clusters)
        start += len(part)
    return Parts(parts["training"], parts["tuning"], parts.get("test"))
