"""Options reach the report once each, with what would change them and who must confirm them; never an order."""

from dataclasses import replace

import pytest

from hounsfield import pipeline
from hounsfield.clinical.change.verdict import compare
from hounsfield.clinical.rules import fleischner_conclusion, options, rule, with_options
from hounsfield.clinical.rules.concluding import PHYSICIAN
from hounsfield.clinical.subject import Reading
from hounsfield.core.conclusion import Certainty, ConclusionKind
from tests.clinical.change.test_match import lesion
from tests.clinical.change.test_verdict import examination
from tests.clinical.rules.test_conclusions import INCIDENTAL, NODULE

SAID = {
    "suspicious": "Volume doubling time below 400 days: further work-up, with biopsy or resection, is an option.",
    "indeterminate": "Volume doubling time of 400 to 600 days: biopsy or further CT surveillance, by preference, is an "
    "option.",
    "likely-benign": "Volume doubling time above 600 days: further CT surveillance or an end of it, by preference, is "
    "an option.",
}


def grown(days, kind="solid"):
    """Conclusions of a lesion that grew by half in 365 days, told as if it had doubled in so many."""
    first = replace(lesion("a", (50, 50, 50), 100.0), nodule_type=kind)
    later = replace(lesion("b", (50, 50, 50), 100.0 * 2 ** (365 / days)), nodule_type=kind)
    (change,) = compare(examination("20250101", first), examination("20260101", later))
    return change.conclusions


@pytest.mark.parametrize(
    ("days", "band"),
    [
        (150, "suspicious"),
        (399, "suspicious"),
        (401, "indeterminate"),
        (599, "indeterminate"),
        (601, "likely-benign"),
        (900, "likely-benign"),
    ],
)
def test_a_doubling_time_leads_to_the_option_of_its_band(days, band):
    *_, option = with_options(grown(days))
    assert option.kind is ConclusionKind.OPTION
    assert (option.rule.name, option.result) == ("bts-nodule", f"growth-{band}")
    assert option.wording.en == SAID[band]
    assert option.wording.zh
    assert option.rule.certainty is Certainty.MEMORY
    assert option.confirmed_by == PHYSICIAN
    assert option.tracking_uids == ("b",)
    assert option.would_change
    assert {fact.name: fact.value for fact in option.inputs}["doubling_time_days"] == pytest.approx(days, rel=1e-6)


@pytest.mark.parametrize("kind", ["", "part-solid", "non-solid"])
def test_the_bands_hold_for_solid_nodules_alone(kind):
    said = grown(150, kind)
    assert any(one.measurement is not None for one in said)
    assert with_options(said) == said


def test_a_stable_nodule_leads_to_nothing():
    one = replace(lesion("a", (50, 50, 50), 100.0), nodule_type="solid")
    (change,) = compare(examination("20250101", one), examination("20260101", one))
    assert with_options(change.conclusions) == change.conclusions


def test_an_option_that_a_task_gave_is_not_given_twice():
    given = fleischner_conclusion(NODULE, INCIDENTAL, 1, True)
    assert given.kind is ConclusionKind.OPTION
    (only,) = with_options([given])
    assert (only.result, only.wording) == (given.result, given.wording)
    assert only.confirmed_by == PHYSICIAN
    twice = with_options(with_options(grown(150)))
    assert len(twice) == len(with_options(grown(150)))


def test_what_would_change_an_option_comes_from_its_table():
    *_, option = with_options(grown(150))
    bare = replace(option, would_change=())
    (completed,) = with_options([bare])
    assert completed.would_change == (rule("bts-nodule").row("would-change").wording(),)
    kept = replace(option, would_change=(PHYSICIAN,))
    assert with_options([kept])[0].would_change == (PHYSICIAN,)


def test_options_stand_behind_what_was_said():
    said = grown(150)
    made = with_options(said)
    assert made[: len(said)] == said
    assert made[len(said) :] == options(said)


def test_no_option_is_an_order():
    for band in SAID:
        row = rule("bts-nodule").row(f"growth-{band}")
        assert "option" in row.en
        assert "可选择" in row.zh
        assert not {"must", "should", "shall"} & set(row.en.lower().split())


def test_every_report_carries_the_options_of_its_conclusions(monkeypatch, tmp_path):
    from hounsfield.clinical.desk import Desk
    from hounsfield.pipeline import Options
    from tests.clinical.test_reading import square, subject

    said = grown(150)
    monkeypatch.setattr(pipeline, "tasks_for", lambda *_: ())
    monkeypatch.setattr(pipeline, "read_first_fitting", lambda *_: ("toy", Reading((), (), (), conclusions=said)))
    report = pipeline.ask(subject(square(), "MR"), Desk((), 1), Options())
    assert [one.kind.value for one in report.conclusions] == ["change", "change", "option"]
    assert report.conclusions[-1].result == "growth-suspicious"
