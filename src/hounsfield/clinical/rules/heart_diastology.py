"""Diastolic function: the criteria of ASE/EACVI 2016 with their grade, and the markers of ASE 2025."""

from dataclasses import dataclass

from hounsfield.clinical.rules.source import Row, rule
from hounsfield.core.conclusion import RuleSource

LEAST_CRITERIA = 3
"""So many of the four criteria of 2016 must be known before more than half of them can say anything."""


@dataclass(frozen=True)
class Filling:
    """What is measured of the filling of the left ventricle; None is not known.

    Attributes:
        early_cm_s: E, peak early inflow.
        late_cm_s: A, peak late inflow.
        septal_e_prime_cm_s: e' of the septal annulus.
        lateral_e_prime_cm_s: e' of the lateral annulus.
        tricuspid_velocity_m_s: peak of the regurgitant jet.
        pulmonary_pressure_mmhg: systolic pressure of the pulmonary artery.
        la_volume_index_ml_m2: largest volume of the left atrium.
        la_reservoir_strain_percent: of the left atrium.
        pulmonary_vein_ratio: S/D.
        relaxation_time_ms: isovolumic relaxation time.
        deceleration_ms: deceleration time of E.
    """

    early_cm_s: float | None = None
    late_cm_s: float | None = None
    septal_e_prime_cm_s: float | None = None
    lateral_e_prime_cm_s: float | None = None
    tricuspid_velocity_m_s: float | None = None
    pulmonary_pressure_mmhg: float | None = None
    la_volume_index_ml_m2: float | None = None
    la_reservoir_strain_percent: float | None = None
    pulmonary_vein_ratio: float | None = None
    relaxation_time_ms: float | None = None
    deceleration_ms: float | None = None

    @property
    def average_e_prime_cm_s(self) -> float | None:
        """Mean of both annuli."""
        if self.septal_e_prime_cm_s is None or self.lateral_e_prime_cm_s is None:
            return None
        return (self.septal_e_prime_cm_s + self.lateral_e_prime_cm_s) / 2

    @property
    def ea_ratio(self) -> float | None:
        """E over A."""
        return _over(self.early_cm_s, self.late_cm_s)

    @property
    def septal_e_ratio(self) -> float | None:
        """E over septal e'."""
        return _over(self.early_cm_s, self.septal_e_prime_cm_s)

    @property
    def lateral_e_ratio(self) -> float | None:
        """E over lateral e'."""
        return _over(self.early_cm_s, self.lateral_e_prime_cm_s)

    @property
    def average_e_ratio(self) -> float | None:
        """E over the mean of both e'."""
        return _over(self.early_cm_s, self.average_e_prime_cm_s)


@dataclass(frozen=True)
class Diastolic:
    """What criteria say.

    Attributes:
        result: the machine word; empty where too little is known.
        positive: criteria that speak for raised pressure or impaired relaxation.
        negative: criteria that were known and do not.
        missing: criteria that were not known.
        source: the rule.
    """

    result: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    missing: tuple[str, ...]
    source: RuleSource


def diastology_2016(filling: Filling) -> Diastolic:
    """Tell diastolic dysfunction at preserved ejection fraction by more than half of four criteria (ASE/EACVI 2016).

    Average E/e' > 14; septal e' < 7 or lateral e' < 10 cm/s; TR > 2.8 m/s; LAVI > 34 ml/m2. ``dysfunction``, ``none``
    (fewer than half) or ``indeterminate`` (half); empty with fewer than three known.
    """
    table = rule("diastology-2016")
    annuli = [_met(table.row(name), getattr(filling, name)) for name in ("septal_e_prime_cm_s", "lateral_e_prime_cm_s")]
    criteria = {
        "average_e_ratio": _met(table.row("average_e_ratio"), filling.average_e_ratio),
        "e_prime": True if True in annuli else False if annuli == [False, False] else None,
        "tricuspid_velocity_m_s": _met(table.row("tricuspid_velocity_m_s"), filling.tricuspid_velocity_m_s),
        "la_volume_index_ml_m2": _met(table.row("la_volume_index_ml_m2"), filling.la_volume_index_ml_m2),
    }
    positive, negative, missing = _sorted_out(criteria)
    known = len(positive) + len(negative)
    result = ""
    if known >= LEAST_CRITERIA:
        twice = 2 * len(positive)
        result = "dysfunction" if twice > known else "none" if twice < known else "indeterminate"
    return Diastolic(result, positive, negative, missing, table.source())


def diastolic_grade_2016(filling: Filling) -> Diastolic:
    """Grade known diastolic dysfunction: ``1``, ``2``, ``3`` or ``indeterminate`` (ASE/EACVI 2016).

    E/A <= 0.8 with E <= 50 cm/s is grade 1, E/A >= 2 grade 3; between them two of E/e' > 14, TR > 2.8 m/s and
    LAVI > 34 ml/m2 make grade 2, two that are not make grade 1.
    """
    table = rule("diastology-2016")
    grading, ratio, early = table.row("grading"), filling.ea_ratio, filling.early_cm_s
    names = ("average_e_ratio", "tricuspid_velocity_m_s", "la_volume_index_ml_m2")
    positive, negative, missing = _sorted_out({name: _met(table.row(name), getattr(filling, name)) for name in names})
    if ratio is None or early is None:
        return Diastolic("", positive, negative, ("ea_ratio", *missing), table.source())
    least = grading.number("positive_grade_2_least")
    if ratio >= grading.number("ea_grade_3_least"):
        result = "3"
    elif ratio <= grading.number("ea_grade_1_most") and early <= grading.number("e_grade_1_most_cm_s"):
        result = "1"
    elif len(positive) >= least:
        result = "2"
    else:
        result = "1" if len(negative) >= least else "indeterminate" if positive and negative else ""
    return Diastolic(result, positive, negative, missing, table.source())


def diastology_2025(filling: Filling) -> Diastolic:
    """Tell which markers of ASE 2025 are beyond their limits.

    The result is ``marker`` where any is, ``none`` where none of those known is, empty where none is known. The flow
    chart that joins them to a grade is not written here.
    """
    table = rule("diastology-2025")
    names = [row.key for row in table.rows if hasattr(filling, row.key)]
    positive, negative, missing = _sorted_out({name: _met(table.row(name), getattr(filling, name)) for name in names})
    result = "marker" if positive else "none" if negative else ""
    return Diastolic(result, positive, negative, missing, table.source())


def filling_pressure_in_fibrillation(filling: Filling) -> Diastolic:
    """Tell whether the left atrial pressure is raised in atrial fibrillation (ASE 2025).

    E >= 100 cm/s, septal E/e' > 11, TR > 2.8 m/s or PASP > 35 mmHg, DT <= 160 ms: three or more ``raised``, two
    ``indeterminate``, fewer ``not raised``; empty where what is missing could change the answer.
    """
    table = rule("diastology-2025")
    jets = [
        _met(table.row(f"fibrillation.{name}"), getattr(filling, name))
        for name in ("tricuspid_velocity_m_s", "pulmonary_pressure_mmhg")
    ]
    criteria = {
        "early_cm_s": _met(table.row("fibrillation.early_cm_s"), filling.early_cm_s),
        "septal_e_ratio": _met(table.row("fibrillation.septal_e_ratio"), filling.septal_e_ratio),
        "tricuspid_or_pulmonary": True if True in jets else False if False in jets else None,
        "deceleration_ms": _met(table.row("fibrillation.deceleration_ms"), filling.deceleration_ms),
    }
    positive, negative, missing = _sorted_out(criteria)
    answers = {_fibrillation(count) for count in range(len(positive), len(positive) + len(missing) + 1)}
    return Diastolic(answers.pop() if len(answers) == 1 else "", positive, negative, missing, table.source())


def _fibrillation(count: int) -> str:
    row = rule("diastology-2025").row("fibrillation")
    if count >= row.number("raised_least"):
        return "raised"
    return "indeterminate" if count == row.number("indeterminate_at") else "not raised"


def _met(row: Row, value: float | None) -> bool | None:
    """Tell whether a value is beyond the limit of a row; None where it is not known."""
    if value is None:
        return None
    tests = {
        "above": lambda limit: value > limit,
        "below": lambda limit: value < limit,
        "most": lambda limit: value <= limit,
        "least": lambda limit: value >= limit,
    }
    return all(tests[name](row.number(name)) for name in row.values if name in tests)


def _sorted_out(criteria: dict[str, bool | None]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    positive, negative, missing = (
        tuple(name for name, met in criteria.items() if met is wanted) for wanted in (True, False, None)
    )
    return positive, negative, missing


def _over(numerator: float | None, denominator: float | None) -> float | None:
    return None if numerator is None or not denominator else numerator / denominator
