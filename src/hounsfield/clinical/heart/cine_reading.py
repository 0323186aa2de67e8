"""Reading of an apical cine: the cavity that was followed, its fraction beat by beat, outlines and curve.

No rule is applied to it: what follows the cavity is not trained, and a person has to look at its outlines first.
"""

from statistics import fmean

import numpy as np

from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.charts import area_chart
from hounsfield.clinical.heart.cine import CineTrack, track_cavity
from hounsfield.clinical.heart.images import key_image
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.core.finding import Finding, Measurement, Presence, Region
from hounsfield.core.geometry import Calibration
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quantities import MILLILITRE, PERCENT
from hounsfield.core.volume import Volume
from hounsfield.explain.outline import outline

LIMITS = (
    (
        "The cavity was followed by thresholds, not by a trained model, and the view is taken as apical.",
        "电影中的心腔由阈值追踪，并非训练模型；切面假定为心尖切面。使用数值前请查看轮廓。",
    ),
)


def read_cine(subject: Subject) -> Reading | None:
    """Return the cavity of an apical cine, None where none could be followed over a beat."""
    volume = subject.volume
    if volume is None:
        return None
    track = track_cavity(volume)
    if track is None:
        return None
    model = algorithm_identity("dark-cavity-cine", "heart", {"volumes": "area-length", "threshold": "otsu"})
    finding = cine_finding(volume, track, model, subject.series.series_instance_uid)
    shown = tuple(key_image(volume, frame) for frame in track.beats[0])
    return Reading((finding,), (), (model,), shown, LIMITS, charts=(area_chart(track),))


def cine_finding(volume: Volume, track: CineTrack, model: ModelIdentity, uid: str) -> Finding:
    """Return the fraction as the mean of all whole beats with their span, and volumes where lengths are known."""
    fractions = track.ejections_percent()
    mean = fmean(fractions)
    span = Interval(mean, min(fractions), max(fractions)) if len(fractions) > 1 else None
    measurements = [
        Measurement(words.LV_EF_US, mean, PERCENT, span),
        Measurement(words.BEATS, float(len(fractions)), words.NO_UNIT),
    ]
    if volume.geometry.calibration is Calibration.PATIENT:
        ends = zip(*track.beats, strict=True)
        early, late = (fmean(track.volume(frame) for frame in frames) for frames in ends)
        measurements.append(Measurement(words.LV_EDV, early, MILLILITRE))
        measurements.append(Measurement(words.LV_ESV, late, MILLILITRE))
    regions = tuple(_region(volume, track, frame) for beat in track.beats for frame in beat)
    return Finding(
        tracking_uid=derived_uid(model.weights_digest, uid, "cine"),
        type=words.CINE,
        site=words.LEFT_VENTRICLE,
        presence=Presence.PRESENT,
        score=None,
        model=model,
        region=regions[0],
        measurements=tuple(measurements),
        outlines=regions[1:],
    )


def _region(volume: Volume, track: CineTrack, frame: int) -> Region:
    source = volume.source_of(frame)
    uid, index = (source[0].sop_instance_uid, source[1]) if source else ("", frame)
    polygons = outline(track.masks[frame].astype(np.float32), 0.5)[:1]
    return Region(uid, index + 1, polygons, frame, is_measured=True)
