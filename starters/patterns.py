"""Pictures of nothing: patterns drawn by rule, so that a gate learns what no scan looks like."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

Picture = npt.NDArray[np.float32]
SIDE = 96


def leaves(chance: np.random.Generator) -> Picture:
    """Draw overlapping discs, boxes and ellipses, as in the dead-leaves model of natural images."""
    picture = np.full((SIDE, SIDE), chance.random(), np.float32)
    row, column = np.mgrid[:SIDE, :SIDE]
    for _ in range(chance.integers(10, 150)):
        x, y = chance.random(2) * SIDE
        radius, kind = SIDE * 0.02 / (chance.random() + 0.04), chance.integers(3)
        if kind == 0:
            inside = (column - x) ** 2 + (row - y) ** 2 < radius**2
        elif kind == 1:
            inside = (np.abs(column - x) < radius) & (np.abs(row - y) < radius * chance.uniform(0.2, 1))
        else:
            inside = ((column - x) / chance.uniform(0.3, 1)) ** 2 + (row - y) ** 2 < radius**2
        picture[inside] = chance.random()
    is_soft = chance.random() < 0.6
    return gaussian_filter(picture, chance.uniform(0.3, 2)) if is_soft else picture


def clouds(chance: np.random.Generator) -> Picture:
    """Draw noise whose spectrum falls with a power of the frequency."""
    spectrum = np.fft.fft2(chance.normal(size=(SIDE, SIDE)))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = 1
    return np.real(np.fft.ifft2(spectrum / frequency ** chance.uniform(0.4, 2.5))).astype(np.float32)


def gratings(chance: np.random.Generator) -> Picture:
    """Draw checks, waves, stripes or rings."""
    row, column = np.mgrid[:SIDE, :SIDE]
    period, angle = chance.uniform(3, 30), chance.uniform(0, np.pi)
    along = column * np.cos(angle) + row * np.sin(angle)
    across = -column * np.sin(angle) + row * np.cos(angle)
    kind = chance.integers(4)
    if kind == 0:
        return (((along // period) + (across // period)) % 2).astype(np.float32)
    if kind == 1:
        return np.sin(along / period * 2 * np.pi).astype(np.float32)
    if kind == 2:
        return ((along // period) % 2).astype(np.float32)
    x, y = chance.random(2) * SIDE
    return np.sin(np.hypot(column - x, row - y) / period * 3).astype(np.float32)


def ramps(chance: np.random.Generator) -> Picture:
    """Draw a straight or round ramp with a little noise."""
    row, column = np.mgrid[:SIDE, :SIDE] / SIDE
    angle = chance.uniform(0, 2 * np.pi)
    if chance.random() < 0.5:
        ramp = column * np.cos(angle) + row * np.sin(angle)
    else:
        ramp = np.hypot(column - chance.random(), row - chance.random()) * chance.choice([-1, 1])
    noise = chance.normal(size=(SIDE, SIDE)) * chance.choice([0, 0.02, 0.1])
    return (ramp + noise).astype(np.float32)


def blanks(chance: np.random.Generator) -> Picture:
    """Draw one grey, now and then with noise too weak to see."""
    blank = np.full((SIDE, SIDE), chance.random(), np.float32)
    noise = chance.normal(size=(SIDE, SIDE)).astype(np.float32) * 1e-3
    return blank if chance.random() < 0.4 else blank + noise


def noises(chance: np.random.Generator) -> Picture:
    """Draw white noise, even, normal or cut to two levels."""
    noise = chance.random((SIDE, SIDE)) if chance.random() < 0.5 else chance.normal(size=(SIDE, SIDE))
    if chance.random() < 0.3:
        noise = (noise > np.quantile(noise, chance.uniform(0.5, 0.98))).astype(float)
    return noise.astype(np.float32)


def words(chance: np.random.Generator) -> Picture:
    """Draw letters of many sizes."""
    side = 128
    ground = int(chance.random() * 255)
    image = Image.new("L", (side, side), ground)
    pen = ImageDraw.Draw(image)
    for _ in range(chance.integers(1, 14)):
        text = "".join(chr(code) for code in chance.integers(33, 122, chance.integers(1, 18)))
        place = (int(chance.integers(-10, side - 20)), int(chance.integers(-5, side - 8)))
        ink = int(chance.random() * 255) if chance.random() < 0.5 else (255 if ground < 128 else 0)
        pen.text(place, text, fill=ink, font=ImageFont.load_default(int(chance.integers(8, 40))))
    return np.asarray(image, np.float32) / 255


def plots(chance: np.random.Generator) -> Picture:
    """Draw lines, boxes and ellipses."""
    side = 128
    image = Image.new("L", (side, side), 255 if chance.random() < 0.6 else 0)
    pen = ImageDraw.Draw(image)
    for _ in range(chance.integers(1, 12)):
        points = [(int(x), int(y)) for x, y in chance.integers(0, side, (int(chance.integers(2, 8)), 2))]
        ink, kind = int(chance.random() * 255), chance.integers(3)
        (left, right), (top, bottom) = sorted([points[0][0], points[1][0]]), sorted([points[0][1], points[1][1]])
        if kind == 0:
            pen.line(points, fill=ink, width=int(chance.integers(1, 8)))
        elif kind == 1:
            pen.rectangle((left, top, right, bottom), fill=ink)
        else:
            pen.ellipse((left, top, right, bottom), fill=ink)
    return np.asarray(image, np.float32) / 255


def limbs(chance: np.random.Generator) -> Picture:
    """Draw something like a film of a limb: tubes of soft tissue with shafts and joints of bone, and a marker."""
    side = 128
    row, column = np.mgrid[:side, :side] / side - 0.5
    picture = np.zeros((side, side))
    first, centre = chance.uniform(0, np.pi), chance.uniform(-0.2, 0.2, 2)
    for index in range(int(chance.choice([1, 1, 1, 2]))):
        angle = first if index == 0 else first + float(chance.choice([0.0, chance.uniform(0.2, 2)]))
        offset = chance.uniform(-0.15, 0.15) + index * chance.uniform(0.2, 0.5)
        along = (column - centre[0]) * np.cos(angle) + (row - centre[1]) * np.sin(angle)
        across = -(column - centre[0]) * np.sin(angle) + (row - centre[1]) * np.cos(angle) - offset
        across = across + chance.uniform(-0.3, 0.3) * along**2
        is_there = (along > chance.uniform(-0.9, -0.1)) & (along < chance.uniform(0.2, 0.9))
        width = chance.uniform(0.06, 0.4) * (1 + chance.uniform(-0.5, 0.5) * along)
        soft = np.sqrt(np.clip(1 - (across / width) ** 2, 0, None)) * is_there
        picture = np.maximum(picture, soft * chance.uniform(0.2, 0.55))
        for _ in range(chance.integers(1, 4)):
            picture = picture + _bone(chance, along, across, width) * is_there * chance.uniform(0.2, 0.6)
    picture = picture + chance.uniform(0, 0.25)
    if chance.random() < 0.5:
        size = int(chance.integers(6, 16))
        x, y = chance.integers(0, side - size, 2)
        picture[y : y + size, x : x + size // 2 + 1] = picture.max()
    return (picture.max() - picture if chance.random() < 0.15 else picture).astype(np.float32)


def _bone(
    chance: np.random.Generator,
    along: npt.NDArray[np.float64],
    across: npt.NDArray[np.float64],
    width: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    thick, aside = width * chance.uniform(0.12, 0.5), width * chance.uniform(-0.5, 0.5)
    joint = chance.uniform(-0.3, 0.3)
    swell = chance.uniform(0.2, 1.2) * np.exp(-(((along - joint) / 0.06) ** 2))
    place = (across - aside) / (thick * (1 + swell + chance.uniform(0, 0.2) * np.abs(along)))
    shell = np.sqrt(np.clip(1 - place**2, 0, None)) - 0.6 * np.sqrt(np.clip(0.5 - place**2, 0, None))
    return np.asarray(shell * (1 - 0.8 * np.exp(-(((along - joint) / 0.01) ** 2))))


PATTERNS: dict[str, tuple[Callable[[np.random.Generator], Picture], int]] = {
    "leaves": (leaves, 130),
    "clouds": (clouds, 130),
    "gratings": (gratings, 130),
    "ramps": (ramps, 130),
    "blanks": (blanks, 100),
    "noises": (noises, 130),
    "words": (words, 130),
    "plots": (plots, 130),
    "limbs": (limbs, 550),
}
"""How each pattern is drawn, and how many of it."""
