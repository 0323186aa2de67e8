"""DICOM dates and times as seconds, and when the frames of a cine start."""

import datetime
from collections.abc import Callable

from hounsfield.image.attributes import FrameAttributes

_EPOCH = datetime.date(1900, 1, 1).toordinal()
_DAY_SECONDS = 86_400.0


def read_time(text: str) -> float | None:
    """Return seconds after midnight of a DICOM TM such as ``135804.25``, None for no time (PS3.5 6.2)."""
    digits = text.strip().replace(":", "")
    whole, _, fraction = digits.partition(".")
    if not whole.isdigit() or len(whole) not in (2, 4, 6) or (fraction and not fraction.isdigit()):
        return None
    padded = whole.ljust(6, "0")
    hours, minutes, seconds = int(padded[:2]), int(padded[2:4]), int(padded[4:6])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600 + minutes * 60 + seconds + (float(f"0.{fraction}") if fraction else 0.0)


def read_moment(date: str, time: str) -> float | None:
    """Return seconds since 1900 of a DA and a TM, None where one is missing."""
    seconds = read_time(time)
    digits = date.strip().replace(".", "")
    if seconds is None or len(digits) != 8 or not digits.isdigit():
        return None
    try:
        day = datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).toordinal()
    except ValueError:
        return None
    return (day - _EPOCH) * _DAY_SECONDS + seconds


def read_datetime(text: str) -> float | None:
    """Return seconds since 1900 of a DICOM DT; an offset from UTC is left out, as both times of a pair share it."""
    bare = text.strip().split("+")[0]
    bare = bare[: bare.rfind("-")] if "-" in bare else bare
    return read_moment(bare[:8], bare[8:])


def acquisition_seconds(attributes: FrameAttributes) -> float | None:
    """Return when a frame was acquired, in seconds since 1900 (or after midnight where the date is missing)."""
    return moment_of(attributes.text)


def moment_of(text_of: Callable[[str], str]) -> float | None:
    """Return when a frame was acquired, from whatever gives the text of a keyword; see ``acquisition_seconds``."""
    for keyword in ("FrameAcquisitionDateTime", "AcquisitionDateTime"):
        moment = read_datetime(text_of(keyword))
        if moment is not None:
            return moment
    time = text_of("AcquisitionTime")
    date = text_of("AcquisitionDate") or text_of("SeriesDate") or text_of("StudyDate")
    return read_moment(date, time) if date else read_time(time)


def frame_start_seconds(attributes: FrameAttributes, frame_index: int) -> float | None:
    """Return the start of a frame after the first one of its object (PS3.3 C.7.6.5), None where no time is given."""
    steps = attributes.numbers("FrameTimeVector")
    if frame_index < len(steps):
        return sum(steps[: frame_index + 1]) / 1000.0
    step = attributes.number("FrameTime")
    if step is not None and step > 0:
        return frame_index * step / 1000.0
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = attributes.number(keyword)
        if rate is not None and rate > 0:
            return frame_index / rate
    return None
