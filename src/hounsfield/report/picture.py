"""Pictures of the page: key image and heat map as PNG data, outlines as points on the same frame."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from hounsfield.core.finding import Finding, Presence, Region
from hounsfield.core.report import KeyImage, Report
from hounsfield.report.colours import heat_overlay
from hounsfield.report.text import Text

LARGEST_SIDE = 1280
"""Longer sides are shrunk: a page is for reading, the original for measuring."""

THUMBNAIL_SIDE = 144


@dataclass(frozen=True)
class Figure:
    """One key image ready to be shown.

    Attributes:
        image: PNG as a data address.
        heat: transparent PNG of the heat map as a data address, empty when there is none.
        outlines: points of each outline, ``x,y x,y ...`` in units of ``width`` and ``height``.
        width: columns of the frame.
        height: rows of the frame times the pixel aspect ratio, so that the units are square.
        sop_instance_uid: the source instance.
        frame_number: its frame, from 1.
    """

    image: str
    heat: str
    outlines: tuple[str, ...]
    width: float
    height: float
    sop_instance_uid: str
    frame_number: int


def figures_of(report: Report) -> tuple[Figure, ...]:
    """Return the pictures of a report's key images."""
    return tuple(_figure(report, image) for image in report.key_images)


@dataclass(frozen=True)
class ChartView:
    """A plot ready to be shown: PNG as a data address, its title and what it shows in words."""

    image: str
    title: Text
    description: Text


def charts_of(report: Report) -> tuple[ChartView, ...]:
    """Return the plots of a report."""
    return tuple(
        ChartView(
            "data:image/png;base64," + base64.b64encode(chart.png).decode("ascii"),
            Text(chart.title.en, chart.title.zh),
            Text(chart.description.en, chart.description.zh),
        )
        for chart in report.charts
    )


def thumbnail_of(image: KeyImage) -> str:
    """Return a small picture of a key image as a data address, with square pixels and without marks."""
    return data_address(image.pixels, THUMBNAIL_SIDE, image.pixel_aspect_ratio)


def present_on(report: Report, image: KeyImage) -> tuple[Finding, ...]:
    """Return the findings that are present and outlined on a key image."""
    return tuple(
        finding for finding in report.findings if finding.presence is Presence.PRESENT and regions_on(finding, image)
    )


def regions_on(finding: Finding, image: KeyImage) -> tuple[Region, ...]:
    """Return the regions of a finding that lie on a key image."""
    shown = (image.sop_instance_uid, image.frame_number)
    return tuple(region for region in finding.regions if (region.sop_instance_uid, region.frame_number) == shown)


def _figure(report: Report, image: KeyImage) -> Figure:
    rows, columns = image.pixels.shape
    outlines = [
        " ".join(f"{x:.2f},{y * image.pixel_aspect_ratio:.2f}" for x, y in polygon)
        for finding in present_on(report, image)
        for region in regions_on(finding, image)
        for polygon in region.polygons
    ]
    return Figure(
        image=data_address(image.pixels, LARGEST_SIDE),
        heat="" if image.heat is None else data_address(heat_overlay(image.heat), LARGEST_SIDE),
        outlines=tuple(outlines),
        width=float(columns),
        height=float(round(rows * image.pixel_aspect_ratio, 3)),
        sop_instance_uid=image.sop_instance_uid,
        frame_number=image.frame_number,
    )


def data_address(pixels: npt.NDArray[np.uint8], largest_side: int, aspect: float = 1.0) -> str:
    """Return a PNG as a data address, shrunk to a largest side and with its rows stretched by an aspect ratio."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    factor = min(1.0, largest_side / max(picture.width, picture.height * aspect))
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor * aspect)))
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
