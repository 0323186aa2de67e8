"""The tables of a store's index. Every row belongs to a project, and every question names projects."""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from hounsfield.archive.query.attributes import (
    INSTANCE_ATTRIBUTES,
    NUMBER_VRS,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
    Attribute,
)

SCHEMA_VERSION = 1

metadata = MetaData()


def _columns(attributes: tuple[Attribute, ...]) -> list[Column[object]]:
    found: list[Column[object]] = []
    for attribute in attributes:
        if attribute.column:
            kind = Integer() if attribute.vr in NUMBER_VRS else String()
            found.append(Column(attribute.column, kind))
    return found


studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String, nullable=False),
    *_columns(STUDY_ATTRIBUTES),
    Column("patient_age_years", Float),
    Column("patient_name_key", String),
    UniqueConstraint("project", "study_instance_uid"),
    Index("studies_by_patient", "project", "patient_id"),
    Index("studies_by_date", "project", "study_date"),
    Index("studies_by_order", "project", "accession_number"),
)
series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_key", Integer, ForeignKey("studies.id"), nullable=False),
    Column("project", String, nullable=False),
    *_columns(SERIES_ATTRIBUTES),
    UniqueConstraint("study_key", "series_instance_uid"),
    Index("series_by_uid", "series_instance_uid"),
    Index("series_by_modality", "project", "modality", "study_key"),
)
instances = Table(
    "instances",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("series_key", Integer, ForeignKey("series.id"), nullable=False),
    Column("project", String, nullable=False),
    *_columns(INSTANCE_ATTRIBUTES),
    Column("body_part", String),
    Column("laterality", String),
    Column("view_position", String),
    Column("image_type", String),
    Column("sha256", String, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("source", String, nullable=False),
    Column("received_at", String, nullable=False),
    UniqueConstraint("project", "sop_instance_uid"),
    Index("instances_by_series", "series_key"),
    Index("instances_by_digest", "sha256"),
)
documents = Table(
    "documents",
    metadata,
    Column("instance_key", Integer, ForeignKey("instances.id"), primary_key=True),
    Column("packed_json", LargeBinary, nullable=False),
)
"""The DICOM JSON of each instance, deflated; apart from the instances, so that a search does not read past it."""
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("code", String, nullable=False),
    Column("facts", String, nullable=False),
    Column("sop_instance_uid", String, nullable=False),
    Column("source", String, nullable=False),
    Column("received_at", String, nullable=False),
    Column("state", String, nullable=False),
    Index("quarantine_by_digest", "sha256"),
    Index("quarantine_by_state", "project", "state"),
)
about = Table("about", metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False))
