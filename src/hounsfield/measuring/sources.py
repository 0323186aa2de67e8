"""Which image belongs to which mask: a pair of files, two folders, a data set with masks, or a manifest."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from hounsfield.cases.folders import walk
from hounsfield.cases.manifest import is_workbook, read_rows
from hounsfield.cases.masked_bids import is_bids, read_bids
from hounsfield.cases.masked_dicom import has_dicom_masks, read_dicom_masks
from hounsfield.cases.masked_names import place_of
from hounsfield.cases.masked_nnunet import is_declared, read_declared
from hounsfield.cases.masked_table import MaskTable
from hounsfield.cases.media import ImageKind
from hounsfield.cases.names import plain, readable, summary
from hounsfield.errors import NotFound, SettingsError

_MASK_COLUMNS = ("mask", "maskpath", "maskfile", "segmentation", "seg", "roi")
_IDENTIFIER_COLUMNS = ("id", "case", "caseid", "name")
_LABEL_COLUMN = "label"
MAX_DIGITS = 9
"""Of a label; masks hold no more."""
_SUFFIXES = (".nii.gz", ".seg.nrrd")
_IMAGE_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".png", ".tif", ".tiff", ".jpg", ".jpeg")


@dataclass(frozen=True)
class RegionSource:
    """An image and its mask, still on disk.

    Attributes:
        identifier: name of the case, unique among those of one run.
        image: file, or folder of one DICOM series.
        mask: label map, DICOM segmentation or structure set; None for an image that has none among those that do.
        label: the only value of the mask that is measured; None for every one.
        volume_index: which volume of the image, for files that hold one a channel.
        names: what the values of the mask stand for, where the data set says so.
        about: further columns of a manifest, such as ``batch``, ``repeat`` or ``age``, and their texts; with
            ``repeat`` also ``subject``, the identifier as the manifest has it.
    """

    identifier: str
    image: Path
    mask: Path | None
    label: int | None = None
    volume_index: int | None = None
    names: tuple[tuple[int, str], ...] = ()
    about: tuple[tuple[str, str], ...] = ()


def find_sources(image: Path, mask: Path | None = None, label: int | None = None) -> tuple[RegionSource, ...]:
    """Return the cases that an image and a mask stand for; no pixels are read but those that tell a layout.

    Args:
        image: a file, a folder of one DICOM series, a folder of images, a CSV or Excel manifest with the columns
            ``image`` and ``mask`` (``id`` and ``label`` where wanted), or a folder that holds images and masks.
        mask: a file, or a folder of masks that have the names of the images; None where ``image`` tells them.
        label: the only value that is measured.

    Raises:
        NotFound: ``E100``, a path does not exist.
        SettingsError: ``E970``, no image has a mask; ``E974``, a wrong row of a manifest.
        DatasetError: a manifest or a data set cannot be read.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> for name in ("ct.nii.gz", "tumour.nii.gz"):
        ...     _ = (folder / name).write_bytes(b"")
        >>> find_sources(folder / "ct.nii.gz", folder / "tumour.nii.gz")[0].identifier
        'ct'
    """
    for path in (image, mask):
        if path is not None and not path.exists():
            raise NotFound("E100", path=path.name)
    if mask is not None:
        if image.is_dir() and mask.is_dir() and not _is_dicom(image):
            return _paired(image.name, _files(image, "images"), _files(mask, "masks"), label)
        return (RegionSource(case_name(image), image, mask, label),)
    if image.is_file():
        if is_workbook(image) or image.suffix.lower() in (".csv", ".tsv"):
            return _listed(image, label)
        raise SettingsError("E970", found=image.name)
    return _of_data_set(image, label)


def case_name(path: Path) -> str:
    """Return the name of a file without its ending."""
    name = readable(path.resolve().name if path.name in ("", ".", "..") else path.name)
    ending = next((ending for ending in _SUFFIXES if name.lower().endswith(ending)), path.suffix)
    return name[: len(name) - len(ending)] if path.is_file() and len(ending) < len(name) else name


def _of_data_set(data: Path, label: int | None) -> tuple[RegionSource, ...]:
    if is_declared(data):
        return _tabled(read_declared(data), label)
    if is_bids(data):
        return _tabled(read_bids(data), label)
    files = _files(data)
    images = {key: path for key, path in files.items() if not place_of(key).is_mask}
    masks = {key: path for key, path in files.items() if place_of(key).is_mask}
    if masks or not has_dicom_masks(data):
        return _paired(data.name, images, masks, label)
    cases = read_dicom_masks(data).cases
    return tuple(
        RegionSource(case.identifier, case.images[0].parent, case.mask, label)
        for case in cases
        if case.images[0] is not None
    )


def _tabled(table: MaskTable, label: int | None) -> tuple[RegionSource, ...]:
    """Return a case for each channel of a data set that says what its labels and channels are."""
    values = getattr(table.reader, "values", range(len(table.label_names)))
    names = tuple((int(value), name) for value, name in zip(values, table.label_names, strict=True))[1:]
    found = []
    for case in table.cases:
        for index, (channel, path) in enumerate(zip(table.channel_names, case.images, strict=True)):
            if path is not None:
                name = case.identifier if len(table.channel_names) == 1 else f"{case.identifier} {channel}"
                which = index if case.images.count(path) > 1 else None
                found.append(RegionSource(name, path, case.mask, label, which, names))
    return tuple(found)


def _files(folder: Path, *above: str) -> dict[tuple[str, ...], Path]:
    """Return the image files of a folder by their place, below the folders that are to be thought above it."""
    found = walk(folder)
    places = [parts for parts, kind in found.images.items() if kind is not ImageKind.DICOM]
    # a file that is named as an image and is none is a case that fails, not one that was never there
    places += [tuple(name.split("/")) for name in found.others if name.lower().endswith(_IMAGE_SUFFIXES)]
    return {(*above, *parts): folder.joinpath(*parts) for parts in places}


def _is_dicom(folder: Path) -> bool:
    return any(kind is ImageKind.DICOM for kind in walk(folder).images.values())


def _paired(
    name: str, images: dict[tuple[str, ...], Path], masks: dict[tuple[str, ...], Path], label: int | None
) -> tuple[RegionSource, ...]:
    """Return the images with what shares their names; a further mask of an image is a case of its own.

    Raises:
        SettingsError: ``E970``, no image has a mask.
    """
    by_key: dict[tuple[str, ...], list[Path | None]] = {}
    for parts, path in sorted(masks.items()):
        by_key.setdefault(place_of(parts).key, []).append(path)
    found: list[RegionSource] = []
    for parts, path in sorted(images.items()):
        key = place_of(parts).key
        case = "/".join(part for part in key if part) or case_name(path)
        found += [RegionSource(case, path, mask, label) for mask in by_key.get(key, [None])]
    if all(source.mask is None for source in found):
        raise SettingsError("E970", found=f"{name}: {summary(['/'.join(parts) for parts in images], 3) or '0'}")
    return _told_apart(found)


def _listed(manifest: Path, label: int | None) -> tuple[RegionSource, ...]:
    rows, header = read_rows(manifest, ("path",))
    columns = {plain(column): column for column in rows[0]}
    mask = next((columns[word] for word in _MASK_COLUMNS if word in columns), None)
    if mask is None:
        raise SettingsError("E974", found=f"{manifest.name}: {summary(list(rows[0]))}", expected="image, mask")
    identifier = next((columns[word] for word in _IDENTIFIER_COLUMNS if word in columns), None)
    used = {header.known["path"], mask, identifier, columns.get(_LABEL_COLUMN)}
    further = [column for column in rows[0] if column not in used]
    found = []
    for number, row in enumerate(rows, start=2):
        files = row[header.known["path"]], row[mask]
        text = row[columns[_LABEL_COLUMN]] if _LABEL_COLUMN in columns else ""
        if not all(files) or (text and not _is_label(text)):
            raise SettingsError("E974", found=f"{manifest.name}: {number}: {text or files}", expected="image, mask")
        image, region = (manifest.parent / name for name in files)
        name = (row[identifier] if identifier else "") or case_name(image)
        about = [(column, readable(row[column])) for column in further]
        if "repeat" in further:
            about.append(("subject", readable(name)))
        found.append(RegionSource(readable(name), image, region, int(text) if text else label, about=tuple(about)))
    return _told_apart(found)


def _is_label(text: str) -> bool:
    return text.isdecimal() and len(text) <= MAX_DIGITS and int(text) > 0


def _told_apart(sources: Iterable[RegionSource]) -> tuple[RegionSource, ...]:
    """Return sources of which each that has the name of one before it gets the next number that is free."""
    every = list(sources)
    taken, seen = {one.identifier for one in every}, set[str]()
    found: list[RegionSource] = []
    for one in every:
        name = one.identifier
        if name in seen:
            name = next(free for number in count(2) if (free := f"{name} {number}") not in taken)
            taken.add(name)
        seen.add(name)
        found.append(replace(one, identifier=name))
    return tuple(found)
