"""The tables of a page: which study it was, and where the result comes from."""

from dataclasses import dataclass

from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.report import Provenance, Report
from hounsfield.core.study import Study
from hounsfield.report.text import Text, ui


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is, and its values."""

    name: Text
    values: tuple[Text | str, ...]


def study_rows(report: Report) -> tuple[Row, ...]:
    """Return what identifies the study and the series; no name and no identifier of the patient."""
    study, series = report.study, report.series
    rows: list[tuple[str, str]] = [
        ("page-task", report.task),
        ("page-study-date", date_text(study.study_date)),
        ("page-accession-number", study.accession_number),
    ]
    if series is not None:
        rows += [
            ("page-modality", series.modality),
            ("page-body-part", series.body_part_examined),
            ("page-view", " ".join(filter(None, (series.view_position, series.laterality)))),
            ("page-instances", str(len(series.instances))),
        ]
    patient = _patient(study)
    identifiers = [("Study Instance UID", study.study_instance_uid)]
    identifiers += [("Series Instance UID", series.series_instance_uid)] if series else []
    return (
        *(Row(ui(key), (value,)) for key, value in rows if value),
        *((Row(ui("page-patient"), patient),) if patient else ()),
        *(Row(Text(name, name), (value,)) for name, value in identifiers),
    )


def provenance_rows(provenance: Provenance) -> tuple[Row, ...]:
    """Return models, software, inputs and times, as far as they are known."""
    rows: list[tuple[str, tuple[Text | str, ...]]] = [
        ("page-model", tuple(_model(model) for model in provenance.models)),
        ("page-software", (f"Hounsfield {provenance.software_version}",)),
        ("page-runtime", (provenance.runtime,)),
        ("page-settings", (provenance.settings_digest,)),
        ("page-started", (provenance.started,)),
        ("page-ended", (provenance.ended,)),
        ("page-inputs", tuple(f"{uid}  {digest}" for uid, digest in provenance.input_digests)),
    ]
    return tuple(Row(ui(key), values) for key, values in rows if any(values))


def date_text(date: str) -> str:
    """Return a DICOM date as ISO 8601 has it, and as it is where it is none."""
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else date


def _model(model: ModelIdentity) -> Text:
    name, weights = f"{model.name} {model.version} ({model.task})", ui("page-weights")
    return Text(f"{name}, {weights.en} {model.weights_digest}", f"{name}，{weights.zh} {model.weights_digest}")


def _patient(study: Study) -> tuple[Text, ...]:
    age = study.patient_age_years
    facts = [] if age is None else [ui("page-years", age=f"{age:.0f}" if age >= 3 else f"{age:.1f}")]
    if study.patient_sex in ("M", "F", "O"):
        facts.append(ui(f"page-sex-{study.patient_sex.lower()}"))
    return tuple(facts)
