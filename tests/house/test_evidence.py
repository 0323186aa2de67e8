"""No quality issue without evidence: what was measured, where the fault begins, and who says so, in both languages."""

import re
from pathlib import Path

import pytest

from hounsfield.cli.check import _lines
from hounsfield.core.quality import CheckVerdict, QualityIssue, Severity, issue_of
from hounsfield.errors import ImageError
from hounsfield.messages import LANGUAGES
from hounsfield.pipeline import check
from hounsfield.report.checked import Checked
from tests.house.catalogue import facts_of, placeholders, read_entries
from tests.house.progress import PACKAGE
from tests.image.helpers import PYDICOM_FILES

ENTRIES, _ = read_entries(PACKAGE / "locale")
OF_CASES = "Q8"
"""Issues of tables of training cases, which are no images that are judged one by one."""
CODES = sorted(code for code in ENTRIES if re.fullmatch(r"Q\d{3}", code) and not code.startswith(OF_CASES))
SAMPLES = ("CT_small.dcm", "MR_small.dcm", "examples_palette.dcm", "SC_rgb_rle_2frame.dcm",
           "JPEG-lossy.dcm", "693_J2KI.dcm", "ExplVR_BigEndNoMeta.dcm", "rtdose_1frame.dcm")  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_every_code_names_value_limit_and_source(code):
    facts = facts_of(ENTRIES[code])
    for part in ("value", "limit", "source"):
        entry = ENTRIES.get(f"ui.{part}-{code.lower()}")
        assert entry is not None, f"{code} has no {part}: a QualityIssue without evidence"
        for language in LANGUAGES:
            assert entry[language].strip()
            assert placeholders(entry[language]) <= facts
            assert part != "source" or not placeholders(entry[language])


def test_no_evidence_is_left_over():
    used = {f"ui.{part}-{code.lower()}" for code in CODES for part in ("value", "limit", "source")}
    kept = {key for key in ENTRIES if re.fullmatch(r"ui\.(value|limit|source)-[a-z]\d{3}", key)}
    assert kept == used


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_that_became_an_issue_has_evidence_too(language):
    told = issue_of(ImageError("E312", found="3 x 4", expected="5 x 6"))
    assert (told.value(language), told.threshold(language)) == ("3 x 4", "5 x 6")
    bare = QualityIssue("E315", Severity.REJECT)
    for words in (bare.value(language), bare.threshold(language), bare.source(language), told.source(language)):
        assert words
        assert not words.startswith("ui.")


@pytest.fixture(scope="module")
def found() -> Checked:
    """What check says of sound, odd and broken files together."""
    volumes, refused = [], []
    for name in SAMPLES:
        one = check(PYDICOM_FILES / name)
        volumes += one.volumes
        refused += one.refused
    return Checked(tuple(volumes), tuple(refused))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_issue_of_check_carries_it(found, language):
    issues = [
        issue for entry in found.as_json(language)["studies"] for one in entry["series"] for issue in one["issues"]
    ]
    assert len({issue["code"] for issue in issues}) > 5
    for issue in issues:
        for part in ("value", "threshold", "source"):
            assert issue[part].strip(), issue
            assert "?" not in issue[part], issue


def test_every_line_of_check_carries_it(found):
    """A check that was made has a value and a limit; one that was not says why; both name the source of the limit."""
    without_value = {"uneven-slices", "displaced-slices"}  # reading tells the value where it is a fault alone
    for volume in found.volumes:
        assert volume.checks
        for line in volume.checks:
            assert line.threshold or line.verdict is CheckVerdict.NOT_CHECKED, line
            assert (line.value is None) <= bool(line.reason or line.name in without_value), line
    for one in (one for entry in found.as_json()["studies"] for one in entry["series"]):
        assert one["verdict"] in ("reject", "warn", "pass")
        assert all(line["source"] and not line["source"].startswith("ui.") for line in one["checks"])


def test_every_printed_reason_carries_it(found):
    printed = [text for text in _lines(found.as_json()) if re.match(r" {6}(reject|warn|note) ", text)]
    assert printed
    assert all(re.search(r"\(.+; .+; .+\)$", text) for text in printed)


def test_the_measure_sees_a_code_without_evidence():
    assert "ui.value-q999" not in ENTRIES
    assert Path(PACKAGE / "locale" / "evidence.json").is_file()
    assert QualityIssue("Q999", Severity.WARN).value() == "refused"
