"""Kernels of total variation denoising: the two halves of a step of the dual problem, row by row."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled_reordered

Floats = npt.NDArray[np.float32]

_ONE = np.float32(1.0)


@compiled_reordered
def add_divergence(data: Floats, flow: Floats, settings: Floats, out: Floats, rows: tuple[int, int]) -> None:
    """Fill rows of ``out`` with the data plus the weighted divergence of a flow, which is 0 across the faces.

    Args:
        data: (slice, row, column).
        flow: (axis, slice, row, column); axes are columns, rows and, where there are three, slices.
        settings: the weight, the step, the momentum, and a factor of columns, rows and slices.
        out: of the shape of the data.
        rows: first and end.
    """
    along, down, through = settings[0] * settings[3], settings[0] * settings[4], settings[0] * settings[5]
    for s in range(data.shape[0]):
        for r in range(rows[0], rows[1]):
            line, samples, flow_c, flow_r = out[s, r], data[s, r], flow[0, s, r], flow[1, s, r]
            above, sign = flow[1, s, max(r - 1, 0)], down if r > 0 else np.float32(0.0)
            line[0] = samples[0] + along * flow_c[0] + down * flow_r[0] - sign * above[0]
            for c in range(1, line.size):
                line[c] = samples[c] + along * (flow_c[c] - flow_c[c - 1]) + down * flow_r[c] - sign * above[c]
            if flow.shape[0] == 3:
                here = flow[2, s, r]
                before, sign = flow[2, max(s - 1, 0), r], through if s > 0 else np.float32(0.0)
                for c in range(line.size):
                    line[c] += through * here[c] - sign * before[c]


@compiled_reordered
def ascend(image: Floats, flows: tuple[Floats, Floats], settings: Floats, rows: tuple[int, int]) -> None:
    """Move rows of the flow along the gradient of the image, back into the unit ball, and on by the momentum.

    Args:
        image: (slice, row, column).
        flows: the flow, and the point ahead of it where the gradient was taken; both are written.
        settings: as in ``add_divergence``.
        rows: first and end.
    """
    flow, ahead = flows
    last_s, last_r, width = image.shape[0] - 1, image.shape[1] - 1, image.shape[2]
    step, momentum = settings[1], settings[2]
    along, down, through = step * settings[3], step * settings[4], step * settings[5]
    right = np.empty(width, np.float32)
    lengths = np.empty(width, np.float32)
    for s in range(image.shape[0]):
        for r in range(rows[0], rows[1]):
            line, below = image[s, r], image[s, min(r + 1, last_r)]
            for c in range(width - 1):
                right[c] = line[c + 1]
            right[width - 1] = line[width - 1]
            ahead_c, ahead_r = ahead[0, s, r], ahead[1, s, r]
            for c in range(width):
                ahead_c[c] += along * (right[c] - line[c])
                ahead_r[c] += down * (below[c] - line[c])
                lengths[c] = ahead_c[c] * ahead_c[c] + ahead_r[c] * ahead_r[c]
            if flow.shape[0] == 3:
                behind, ahead_s = image[min(s + 1, last_s), r], ahead[2, s, r]
                for c in range(width):
                    ahead_s[c] += through * (behind[c] - line[c])
                    lengths[c] += ahead_s[c] * ahead_s[c]
            for c in range(width):
                lengths[c] = _ONE / np.sqrt(lengths[c] if lengths[c] > _ONE else _ONE)
            for axis in range(flow.shape[0]):
                _move(flow[axis, s, r], ahead[axis, s, r], lengths, momentum)


@compiled_reordered
def _move(flow: Floats, ahead: Floats, shares: Floats, momentum: np.float32) -> None:
    """Take the shortened point as the flow, and what lies as far again ahead of it times the momentum."""
    for c in range(flow.size):
        found = ahead[c] * shares[c]
        ahead[c] = found + momentum * (found - flow[c])
        flow[c] = found
