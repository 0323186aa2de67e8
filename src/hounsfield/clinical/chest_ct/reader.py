"""The chest CT task: refuse what it cannot read, find the lungs, search, measure, conclude."""

from dataclasses import asdict, dataclass, replace

from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.chest_ct import judge, search, words
from hounsfield.clinical.chest_ct.admission import lung_issues, scan_issues
from hounsfield.clinical.chest_ct.conclusions import nodule_conclusions
from hounsfield.clinical.chest_ct.findings import height_third, lung_finding, nodule_finding
from hounsfield.clinical.chest_ct.judge import CLOSELY, FEATURES, BallDetector, candidate_model
from hounsfield.clinical.chest_ct.lungs import Lungs, find_lungs
from hounsfield.clinical.chest_ct.measure import NoduleMeasures, measure_nodule
from hounsfield.clinical.chest_ct.nodule import SETTINGS, segment_nodule
from hounsfield.clinical.chest_ct.rays import COUNT as RAYS
from hounsfield.clinical.chest_ct.search import DENSEST_HU, LEAST_RESPONSE, MOST, SCALES_MM, NoduleDetector
from hounsfield.clinical.desk import Desk
from hounsfield.clinical.subject import Reading, Subject, has_reject
from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept
from hounsfield.core.finding import Finding, Presence
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.report import KeyImage
from hounsfield.core.volume import Volume, Window
from hounsfield.image.display import to_greyscale_pixels

LUNG_WINDOW = Window(-600.0, 1500.0)
MOST_NODULES = 10
KEY_IMAGES = 3
SMALLEST_MM, LARGEST_MM = 3.0, 30.0
LIMITS = (
    (
        "The search looks for balls of 4 to 20 mm; of 60 drawn into a real CT it found 45 at 1 false alarm.",
        "本搜索在含气肺内寻找4至20毫米的球形病灶；绘入真实CT的60个结节中，在1个误报时找到45个，不能代替阅片。",
    ),
    (
        "Lobes, lymph nodes, airway nodules, cysts, consolidation and contrast are not assessed.",
        "肺叶、淋巴结、气道结节、囊肿、实变和对比剂均未评估。",
    ),
    ("The third of the lung is measured by height and is no lobe.", "肺野高度按几何划分，不代表肺叶。"),
)


@dataclass(frozen=True)
class Found:
    """A nodule as it goes into the report."""

    finding: Finding
    measures: NoduleMeasures


def identity() -> ModelIdentity:
    """Return who speaks: the algorithm with every parameter its answer depends on."""
    model = candidate_model()
    parameters = {
        "nodule": asdict(SETTINGS),
        "scales_mm": SCALES_MM,
        "least_response": LEAST_RESPONSE,
        "densest_hu": DENSEST_HU,
        "lung_hu": (search.LUNG_HU, judge.LUNG_HU),
        "most": (MOST, CLOSELY, MOST_NODULES),
        "sizes_mm": (SMALLEST_MM, LARGEST_MM),
        "features": FEATURES,
        "rays": RAYS,
        "mean": model.mean.tolist(),
        "spread": model.spread.tolist(),
        "weights": model.weights.tolist(),
        "threshold": model.threshold,
    }
    return algorithm_identity("lung-nodule-search", "chest-ct", parameters)


def read_chest_ct(task: Task, desk: Desk, subject: Subject) -> Reading:
    """Return what was found in a chest CT, or why it is refused."""
    volume, model = subject.volume, identity()
    uid = subject.series.series_instance_uid
    unseen = _unseen(task, model, uid)
    if volume is None:
        return Reading((unseen,), subject.issues, (model,))
    volume.require_measurable()
    issues = scan_issues(volume, uid)
    if has_reject(issues):
        return Reading((unseen,), issues, (model,))
    lungs = find_lungs(volume)
    issues = (*issues, *lung_issues(lungs, uid))
    if has_reject(issues):
        return Reading((unseen,), issues, (model,))
    found = find_nodules(volume, lungs, model, BallDetector())
    measured = tuple(lung_finding(volume, lungs, lung, model) for lung in lungs.lungs)
    conclusions = tuple(
        conclusion
        for one in found
        for conclusion in nodule_conclusions(one.measures, len(found), subject.facts, one.finding.tracking_uid)
    )
    nodules = tuple(one.finding for one in found)
    if not found:  # a search that finds nothing has not shown that nothing is there
        nodules = (unseen,)
        issues = (*issues, QualityIssue("Q219", Severity.NOTE, {}, uid))
    images = tuple(_key_image(volume, one.region.slice_index) for one in nodules[:KEY_IMAGES] if one.region)
    shown = images or (_key_image(volume, volume.geometry.shape[0] // 2),)
    return Reading((*nodules, *measured), issues, (model,), shown, LIMITS, conclusions)


def find_nodules(volume: Volume, lungs: Lungs, model: ModelIdentity, detector: NoduleDetector) -> tuple[Found, ...]:
    """Return the nodules that score above the threshold and can be measured, the largest first.

    Args:
        volume: in Hounsfield units.
        lungs: of the volume.
        model: who speaks.
        detector: finds and scores the candidates; a trained one may stand here.
    """
    found: list[Found] = []
    threshold = candidate_model().threshold
    for candidate in detector.detect(volume, lungs):
        if candidate.score < threshold or len(found) == MOST_NODULES:
            break
        lung = lungs.lung_near(candidate.index)
        nodule = segment_nodule(volume, lungs, candidate) if lung else None
        if lung is None or nodule is None:
            continue
        measures = measure_nodule(nodule)
        if not SMALLEST_MM <= measures.mean_diameter_mm <= LARGEST_MM:
            continue
        is_head_last = volume.geometry.direction[2][0] > 0
        third = height_third(lung, lungs.block_of(candidate.index)[0], is_head_last=is_head_last)
        finding = nodule_finding(volume, (lung.side, third), nodule, measures, model)
        found.append(Found(replace(finding, score=candidate.score), measures))
    found.sort(key=lambda one: -one.measures.volume_mm3)
    if len(found) < 2:
        return tuple(found)
    return tuple(replace(one, finding=replace(one.finding, number=k)) for k, one in enumerate(found, 1))


def _unseen(task: Task, model: ModelIdentity, uid: str) -> Finding:
    return Finding(
        derived_uid(model.weights_digest, uid, "nodule"), words.SEARCH, task.site, Presence.NOT_ASSESSED, None, model
    )


def _key_image(volume: Volume, slice_index: int) -> KeyImage:
    shown = replace(volume, presentation=replace(volume.presentation, window=LUNG_WINDOW, lookup_table=None))
    source = volume.source_of(slice_index)
    uid, frame = (source[0].sop_instance_uid, source[1]) if source else ("", slice_index)
    ratio = volume.geometry.row_spacing_mm / volume.geometry.column_spacing_mm
    return KeyImage(to_greyscale_pixels(shown, slice_index), None, uid, frame + 1, ratio)


TASK = Task(
    name="chest-ct",
    model="",
    modalities=("CT",),
    site=concept("lung"),
    takes_en="an axial chest CT of slices up to 5 mm, better up to 1.5 mm",
    takes_zh="轴位胸部CT，层厚不超过5毫米，最好不超过1.5毫米",
    reader=read_chest_ct,
)
