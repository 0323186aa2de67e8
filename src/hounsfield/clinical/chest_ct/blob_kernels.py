"""Kernels of the nodule search: how ball-like a smoothed volume is at each voxel, and where that peaks."""

import math
from typing import Any

import numpy.typing as npt

from hounsfield.compiled import compiled

Array = npt.NDArray[Any]


@compiled
def ball_response(smooth: Array, mask: Array, scale: float, out: Array, start: int, stop: int) -> None:
    """Write scale * |e1|^2 / |e3| of the Hessian where all its eigenvalues are negative (|e1| the smallest), else 0.

    Li, Sone and Doi, Med Phys 2003;30:2040: a ball has three large eigenvalues, a vessel two, a wall one.
    """
    slices, rows, columns = smooth.shape
    for z in range(max(start, 1), min(stop, slices - 1)):
        for y in range(1, rows - 1):
            for x in range(1, columns - 1):
                if mask[z, y, x] == 0:
                    continue
                c = 2.0 * smooth[z, y, x]
                a = smooth[z - 1, y, x] + smooth[z + 1, y, x] - c
                b = smooth[z, y - 1, x] + smooth[z, y + 1, x] - c
                d = smooth[z, y, x - 1] + smooth[z, y, x + 1] - c
                if a >= 0.0 or b >= 0.0 or d >= 0.0:
                    continue
                e = 0.25 * (
                    smooth[z + 1, y + 1, x]
                    - smooth[z + 1, y - 1, x]
                    - smooth[z - 1, y + 1, x]
                    + smooth[z - 1, y - 1, x]
                )
                f = 0.25 * (
                    smooth[z + 1, y, x + 1]
                    - smooth[z + 1, y, x - 1]
                    - smooth[z - 1, y, x + 1]
                    + smooth[z - 1, y, x - 1]
                )
                g = 0.25 * (
                    smooth[z, y + 1, x + 1]
                    - smooth[z, y + 1, x - 1]
                    - smooth[z, y - 1, x + 1]
                    + smooth[z, y - 1, x - 1]
                )
                mean = (a + b + d) / 3.0
                spread = (a - mean) ** 2 + (b - mean) ** 2 + (d - mean) ** 2 + 2.0 * (e * e + f * f + g * g)
                p = math.sqrt(spread / 6.0)
                if p < 1e-6:
                    out[z, y, x] = -scale * mean
                    continue
                aa, bb, dd = (a - mean) / p, (b - mean) / p, (d - mean) / p
                ee, ff, gg = e / p, f / p, g / p
                half = (aa * (bb * dd - gg * gg) - ee * (ee * dd - gg * ff) + ff * (ee * gg - bb * ff)) / 2.0
                angle = math.acos(min(1.0, max(-1.0, half))) / 3.0
                highest = mean + 2.0 * p * math.cos(angle)
                lowest = mean + 2.0 * p * math.cos(angle + 2.0 * math.pi / 3.0)
                if highest < 0.0:
                    out[z, y, x] = scale * highest * highest / -lowest


@compiled
def peaks(response: Array, least: float, found: Array) -> int:
    """Write the (slice, row, column) of strict local maxima among 26 neighbours; return how many there are."""
    slices, rows, columns = response.shape
    count = 0
    for z in range(1, slices - 1):
        for y in range(1, rows - 1):
            for x in range(1, columns - 1):
                here = response[z, y, x]
                if here < least:
                    continue
                is_peak = True
                for k in range(27):
                    other = response[z + k // 9 - 1, y + k // 3 % 3 - 1, x + k % 3 - 1]
                    if other > here or (other == here and k < 13):
                        is_peak = False
                        break
                if is_peak and count < len(found):
                    found[count, 0], found[count, 1], found[count, 2] = z, y, x
                    count += 1
    return count
