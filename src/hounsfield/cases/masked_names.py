"""What file names of segmentation data say: image or mask, which observer, which pair, which patient."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.cases.names import part_of, readable

_MASK_WORDS = (
    "masks?|labels?|seg|segs|segmentations?|gt|ground[-_ ]?truths?|annotations?|manual|reference|dseg|targets?"
)
_IMAGE_WORDS = "images?|imgs?|scans?|volumes?|pictures?|originals?|inputs?|raw"
_OBSERVER = (
    r"(?:1st|2nd|3rd|[4-9]th)[-_ ]?(?:HO|manual|observer|reader)?|(?:manual|observer|reader|rater|annotator|HO)[-_ ]?\d"
)
_MASK_FOLDER = re.compile(rf"(?:(?P<observer>{_OBSERVER})|{_MASK_WORDS})", re.IGNORECASE)
_IMAGE_FOLDER = re.compile(rf"(?:{_IMAGE_WORDS}|jpegimages)", re.IGNORECASE)
_MASK_END = re.compile(
    rf"(?P<stem>.*?)[-_. ](?:(?P<observer>{_OBSERVER})|{_MASK_WORDS})(?:[-_. ]?\d{{1,2}}|[-_. ]manual)?", re.IGNORECASE
)
_MASK_START = re.compile(rf"(?:{_MASK_WORDS})[-_. ](?P<stem>.+)", re.IGNORECASE)
_IMAGE_END = re.compile(rf"(?P<stem>.+?)[-_. ](?:{_IMAGE_WORDS})", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(nii\.gz|seg\.nrrd|[A-Za-z0-9]{1,5})$", re.IGNORECASE)

_PATIENT = re.compile(r"(?:^|[^a-z])(patient|pat|pt|subject|subj|sub|person|STS)[-_ ]?(\d+)(?!\d)", re.IGNORECASE)
_EYE = re.compile(r"(?P<stem>.*\d)[-_ ]?[LR]")


@dataclass(frozen=True)
class Place:
    """What the relative path of a file says.

    Attributes:
        key: what an image and its masks share.
        is_mask: whether it is called a mask.
        observer: which observer's mask, lower case; empty when not said.
        split: the part that a folder names.
        folder: the folder that may be a patient, None for files that share one.
    """

    key: tuple[str, ...]
    is_mask: bool
    observer: str
    split: str | None
    folder: str | None


def place_of(parts: Sequence[str]) -> Place:
    """Return what the relative path of a file says.

    >>> place_of(("images", "a.png")).key == place_of(("masks", "a.png")).key
    True
    >>> place_of(("Image_01L_1stHO.png",))
    Place(key=('Image_01L',), is_mask=True, observer='1stho', split=None, folder=None)
    """
    is_mask, observer, split = False, "", None
    folders = []
    for name in map(readable, parts[:-1]):
        found = _MASK_FOLDER.fullmatch(name)
        if found:
            is_mask, observer = True, (found["observer"] or observer)
        elif part_of(name):
            split = part_of(name)
        elif not _IMAGE_FOLDER.fullmatch(name):
            folders.append(name)
    stem = _SUFFIX.sub("", readable(parts[-1]))
    found = _MASK_END.fullmatch(stem) or _MASK_START.fullmatch(stem)
    if found and found["stem"]:
        observer = found.groupdict().get("observer") or observer
        is_mask, stem = True, found["stem"]
    elif _MASK_FOLDER.fullmatch(stem) and folders:
        is_mask, stem = True, ""
    else:
        found = _IMAGE_END.fullmatch(stem)
        stem = found["stem"] if found else "" if _IMAGE_FOLDER.fullmatch(stem) and folders else stem
    return Place((*folders, stem), is_mask, observer.lower(), split, folders[-1] if folders else None)


def patients_of(identifiers: Sequence[str]) -> tuple[str | None, ...]:
    """Return the patient that each name of a case tells, None where it tells none.

    A name says ``patient035`` or ``sub-12``; or the names of a data set go in pairs of a left and a right eye.

    >>> patients_of(["patient035_frame01", "scan7"])
    ('patient035', None)
    >>> patients_of(["Image_01L", "Image_01R", "Image_02L", "Image_02R"])
    ('Image_01', 'Image_01', 'Image_02', 'Image_02')
    """
    said = []
    for name in identifiers:
        found = _PATIENT.search(name)
        said.append(f"{found[1]}{found[2]}".lower() if found else None)
    if any(said):
        return tuple(said)
    eyes = [found["stem"] if (found := _EYE.fullmatch(name)) else None for name in identifiers]
    pairs = Counter(stem for stem in eyes if stem)
    if identifiers and all(eyes) and max(pairs.values()) == 2 and 2 * len(pairs) <= 1.5 * len(eyes):
        return tuple(eyes)
    return (None,) * len(identifiers)
