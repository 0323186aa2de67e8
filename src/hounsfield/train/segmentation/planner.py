"""The planner of a segmentation: from options, recipe and fingerprint to a plan, each choice with its reason.

The rules are nnU-Net's (Isensee 2021) with the budget of a laptop's processor: patches and widths are smaller, and an
epoch is fifty batches instead of two hundred and fifty.
"""

from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hounsfield.cases.masked_table import MaskTable
from hounsfield.errors import SettingsError
from hounsfield.model.networks.mask_catalogue import Triple, UNetSettings
from hounsfield.train.augment import Affine, Augmentation, BiasField, Blur, Contrast, Gamma, LowResolution, Noise
from hounsfield.train.augment_choice import customary, customary_reasons
from hounsfield.train.imaging import Told, tell_imaging
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Optimisation, Reason, SplitPlan
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.segmentation.fingerprint import MaskFingerprint
from hounsfield.train.segmentation.plan import SegmentationPlan
from hounsfield.train.series_dropout import USUAL

FEW_SLICES = 16
"""Up to so many slices a volume is learned slice by slice: a network of three dimensions has nothing to halve."""

THICK_SLICES = 3.0
"""Slice spacing divided by that in the plane from which a volume is learned slice by slice (nnU-Net's 2-D plan)."""

PLANAR_SIDE, PLANAR_BATCH = 192, 8
SPATIAL_SIDE, SPATIAL_BATCH = 64, 2
WIDTHS = (16, 32, 64, 96, 128, 128)
LOWEST_SIDE = 8
PATCH_SHARES = (0.8, 1.25)
"""Smallest and largest share of a patch, where several sizes are wanted."""
EPOCHS, BATCHES_PER_EPOCH = 60, 50
FOREGROUND_FRACTION = 0.5

Facts = dict[str, str | int | float]


def make_mask_plan(
    options: TrainOptions, recipe: Recipe, found: MaskFingerprint, table: MaskTable, threads: int
) -> SegmentationPlan:
    """Return the plan of a run; the centre and scale of the network's input are settled later, from the images.

    Raises:
        SettingsError: ``E830``, a setting is not possible; ``E831``, an unknown network.
        DatasetError: ``E832``, the network cannot take patches of the size asked for.
    """
    is_planar, dimension_reason = _dimensions(found)
    spacing, spacing_reasons = _spacing(found, is_planar)
    network, network_reasons = _network(options, recipe, found, table, is_planar)
    prepare, prepare_reason = _prepare(found, spacing, is_planar)
    told = _told(options, recipe, found, table)
    reasons = [dimension_reason, *spacing_reasons, prepare_reason, *network_reasons]
    reasons += [_patch_reason(found, recipe), *_augment_reasons(found, recipe, told)]
    reasons += [_reason("channel_dropout", "lacks-channels", share=USUAL)] if _lacks_channels(table) else []
    learning = _learning(options, recipe, network)
    is_multi_scale = options.multi_scale or recipe.multi_scale
    if is_multi_scale:
        reasons.append(_reason("patch", "sizes", low=PATCH_SHARES[0], high=PATCH_SHARES[1]))
    values = {
        "name": options.name or recipe.model.name or "model",
        "seed": next(seed for seed in (options.seed, recipe.seed, 0) if seed is not None),
        "threads": threads,
        "learning": learning,
        "split": recipe.split or SplitPlan(),
        "time_limit_seconds": options.time_limit_seconds,
        "label_names": table.label_names,
        "is_instances": table.is_instances,
        "prepare": recipe.prepare if recipe.prepare is not None else prepare,
        "channel_names": ("red", "green", "blue") if _is_colour(found, table) else table.channel_names,
        "spacing_mm": spacing,
        "network": network,
        "augment": recipe.augment if recipe.augment is not None else _augment(found, table, told),
        "batches_per_epoch": BATCHES_PER_EPOCH,
        "foreground_fraction": FOREGROUND_FRACTION,
        "channel_dropout": USUAL if _lacks_channels(table) else 0.0,
        "patch_shares": PATCH_SHARES if is_multi_scale else None,
        "quantity": "hounsfield" if found.is_hounsfield else "arbitrary",
        "reasons": (*reasons, _schedule_reason(learning, recipe)),
        **recipe.segmentation,
    }
    try:
        return SegmentationPlan.model_validate(values)
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _lacks_channels(table: MaskTable) -> bool:
    """Tell whether some case has no image of a channel."""
    return any(path is None for case in table.cases for path in case.images)


def _dimensions(found: MaskFingerprint) -> tuple[bool, Reason]:
    slices = found.shape[0]
    if slices == 1:
        return True, _reason("network", "pictures")
    if slices <= FEW_SLICES:
        return True, _reason("network", "few-slices", slices=slices, expected=FEW_SLICES)
    thick = found.spacing_mm[0] / max(found.spacing_mm[1:]) if found.spacing_mm else 1.0
    if thick > THICK_SLICES:
        return True, _reason("network", "thick-slices", ratio=round(thick, 1), expected=THICK_SLICES)
    return False, _reason("network", "volumes", slices=slices)


def _spacing(found: MaskFingerprint, is_planar: bool) -> tuple[tuple[float, float, float] | None, tuple[Reason, ...]]:
    if found.spacing_mm is None:
        return None, (_reason("spacing", "no-spacing"),)
    if found.has_one_spacing:
        return None, ()
    target = tuple(round(value, 4) for value in found.spacing_mm)
    text = " x ".join(f"{value:g}" for value in (target[1:] if is_planar else target))
    return (target[0], target[1], target[2]), (_reason("spacing", "spacing", spacing=text),)


def _prepare(
    found: MaskFingerprint, spacing: tuple[float, float, float] | None, is_planar: bool
) -> tuple[tuple[dict[str, Any], ...], Reason]:
    """Return the steps of one channel: to the spacing, then to 0..1."""
    steps: list[dict[str, Any]] = []
    if spacing is not None:
        planes = {"row_mm": spacing[1], "column_mm": spacing[2]}
        steps.append({"step": "resample", **(planes if is_planar else {"slice_mm": spacing[0], **planes})})
    if found.is_hounsfield:
        low, high = (round(value, 1) for value in found.foreground_range)
        steps.append({"step": "window", "center": (low + high) / 2, "width": max(1.0, high - low)})
        return tuple(steps), _reason("prepare", "hounsfield", low=low, high=high)
    steps.append({"step": "percentile-scale", "low_percentile": 0.5, "high_percentile": 99.5, "over": "volume"})
    return tuple(steps), _reason("prepare", "percentiles")


def _network(
    options: TrainOptions, recipe: Recipe, found: MaskFingerprint, table: MaskTable, is_planar: bool
) -> tuple[UNetSettings, tuple[Reason, ...]]:
    asked = dict(recipe.network)
    name = options.network or str(asked.pop("name", "unet"))
    asked.pop("name", None)
    patch = _patch(found, options.size or asked.pop("size", None), is_planar)
    stages = 2
    while stages < len(WIDTHS) and min(patch[1:]) // 2**stages >= LOWEST_SIDE and not min(patch[1:]) % 2**stages:
        stages += 1
    slices, strides = patch[0], []
    for _ in range(0 if is_planar else stages - 1):
        strides.append(2 if slices % 2 == 0 and slices >= 8 else 1)
        slices //= strides[-1]
    values: dict[str, Any] = {
        "name": name, "label_count": 3 if table.is_instances else len(table.label_names), "channels": found.channels,
        "patch": patch, "widths": WIDTHS[:stages], "slice_strides": tuple(strides),
        "supervised": max(1, min(3, stages - 2)),
    }  # fmt: skip
    strange = set(asked) - {field.name for field in fields(UNetSettings)}
    if strange:
        raise SettingsError("E830", found=f"network.{min(strange)}")
    try:
        settings = TypeAdapter(UNetSettings).validate_python({**values, **asked})
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error
    settings.check()
    text = " x ".join(map(str, settings.patch[1:] if settings.is_planar else settings.patch))
    shape = " x ".join(map(str, found.shape[1:] if is_planar else found.shape))
    reasons = [_reason("patch", "patch", patch=text, shape=shape, stages=len(settings.widths))]
    if settings.supervised > 1:
        reasons.append(_reason("loss", "deep-supervision", count=settings.supervised))
    return settings, tuple(reasons)


def _patch(found: MaskFingerprint, side: Any, is_planar: bool) -> Triple:
    """Return the patch: the image where it fits, else what a laptop trains on in minutes, in multiples of 16."""
    largest = side if isinstance(side, int) else PLANAR_SIDE if is_planar else SPATIAL_SIDE
    rows, columns = (max(16, min(largest // 16 * 16, -(-count // 16) * 16)) for count in found.shape[1:])
    return (1 if is_planar else max(8, min(32, found.shape[0] // 8 * 8)), rows, columns)


def _learning(options: TrainOptions, recipe: Recipe, network: UNetSettings) -> Optimisation:
    values: dict[str, Any] = {
        "epochs": EPOCHS, "batch_size": PLANAR_BATCH if network.is_planar else SPATIAL_BATCH, "learning_rate": 2e-3,
        "weight_decay": 0.01, "warm_up_epochs": 1, "average_decay": 0.99, "patience": 15, "gradient_limit": 12,
    }  # fmt: skip
    values |= recipe.learning
    named = {"epochs": options.epochs, "batch_size": options.batch_size, "learning_rate": options.learning_rate}
    values |= {key: value for key, value in named.items() if value is not None}
    try:
        return Optimisation.model_validate(values)
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _is_colour(found: MaskFingerprint, table: MaskTable) -> bool:
    return found.channels == 3 and len(table.channel_names) == 1


def _told(options: TrainOptions, recipe: Recipe, found: MaskFingerprint, table: MaskTable) -> Told:
    """Return what the images are: Hounsfield units tell tomography, else the names of the channels may say it."""
    seen = ["CT"] if found.is_hounsfield else list(table.channel_names)
    return tell_imaging(options.modality, recipe.model.input.modalities, seen)


def _augment(found: MaskFingerprint, table: MaskTable, told: Told) -> tuple[Augmentation, ...]:
    """Return nnU-Net's kinds; what has no up and down, such as cells, is turned all the way round."""
    turn, tumble = (180.0, 0.5) if table.is_instances else (20.0, 0.0)
    flip = 0.0 if found.names_sides else 0.5
    kinds: tuple[Augmentation, ...] = (
        Affine(rotation_degrees=turn, scale=(0.75, 1.35), aspect=0.1, flip_probability=flip,
               upside_down_probability=tumble, outside="border"),
        Gamma(exponent=(0.7, 1.5)),
        BiasField(strength=0.15),
        Contrast(factor=(0.75, 1.25), brightness=0.1),
        Blur(probability=0.15),
        LowResolution(probability=0.1),
        Noise(probability=0.3, deviation=0.04),
    )  # fmt: skip
    return customary(kinds, told.imaging)


def _patch_reason(found: MaskFingerprint, recipe: Recipe) -> Reason:
    share = round(100 * found.foreground_fraction, 1)
    centred = f"{100 * float(recipe.segmentation.get('foreground_fraction', FOREGROUND_FRACTION)):.0f}"
    return _reason("patches", "foreground", percent=share, samples=found.object_samples, centred=centred)


def _augment_reasons(found: MaskFingerprint, recipe: Recipe, told: Told) -> tuple[Reason, ...]:
    sides = (Reason(choice="augment", key="ui.train.reason.sides"),) if found.names_sides else ()
    return (*sides, *(customary_reasons(told) if recipe.augment is None else ()))


def _schedule_reason(learning: Optimisation, recipe: Recipe) -> Reason:
    batches = str(recipe.segmentation.get("batches_per_epoch", BATCHES_PER_EPOCH))
    return _reason("learning", "schedule", epochs=learning.epochs, batches=batches)


def _reason(choice: str, key: str, **facts: str | float) -> Reason:
    return Reason(choice=choice, key=f"ui.train.mask-reason.{key}", facts=facts)
