"""Manifests: what is taken, what is refused, and the schema and card made from them."""

import json

import pytest

from hounsfield.core.codes import concept, local_concept
from hounsfield.errors import ManifestMismatch
from hounsfield.model.body_parts import REGIONS, regions_of
from hounsfield.model.card import model_card
from hounsfield.model.manifest import manifest_schema, read_manifest
from tests.model import toys


def raw(**changes):
    return json.dumps(toys.settings(**changes)).encode()


def test_a_manifest_reads_back_to_the_byte():
    manifest = toys.manifest()
    assert read_manifest(manifest.to_json()) == manifest
    assert read_manifest(manifest.to_json()).to_json() == manifest.to_json()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"_target_": "os.system"}, "_target_"),
        ({"name": "../toy"}, "name"),
        ({"name": "Toy Model"}, "name"),
        ({"version": "one"}, "version"),
        ({"format_version": 2}, "format_version"),
        ({"created": "yesterday"}, "created"),
        ({"purpose": {"en": "only English"}}, "purpose"),
        ({"classes": [{"name": "one"}]}, "classes"),
        ({"classes": [{"name": "one"}, {"name": "one"}]}, "classes"),
        ({"classes": [{"name": "one"}, {"name": "<script>"}]}, "classes"),
        ({"prepare": [{"rows": 28}]}, "prepare"),
        ({"prepare": [{"step": "grey"}] * 33}, "prepare"),
        ({"explanation": {"method": "cam"}}, "activation_maps"),
        ({"explanation": {"method": "eval"}}, "explanation"),
        ({"explanation": {"method": "occlusion", "stride_fraction": 0.0}}, "stride_fraction"),
        ({"out_of_distribution": {"score": "output", "threshold": 1}}, "outside"),
        (
            {"out_of_distribution": {"score": "energy", "threshold": 1, "class_thresholds": {"x": 1}}},
            "class_thresholds",
        ),
        ({"network": {"rows": 10**9, "columns": 4}}, "rows"),
        ({"network": {"rows": 4, "columns": 4, "logits": "a b"}}, "logits"),
        ({"calibration": {"temperature": 0}}, "temperature"),
        ({"input": {"body_parts": ["thorax"]}}, "body_parts"),
        ({"input": {"quantity": "brightness"}}, "quantity"),
        ({"input": {"modalities": ["dx"]}}, "modalities"),
        ({"input": {"age_years": {"minimum": 18, "maximum": 5}}}, "age_years"),
        ({"input": {"gate": {"model": "body-part", "accepts": []}}}, "gate"),
        ({"metrics": [{"name": "auroc"}]}, "metrics"),
        ({"seed": "seven"}, "seed"),
        ({"parts": {"code.py": {"sha256": "0" * 64, "size_bytes": 1}}}, "parts"),
    ],
)
def test_a_wrong_manifest_names_its_fault(changes, named):
    with pytest.raises(ManifestMismatch) as caught:
        read_manifest(raw(**changes))
    assert caught.value.code == "E503"
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"!!python/object/apply:os.system ['id']",
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"name": "a", "name": "b"}',
    ],
)
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(ManifestMismatch) as caught:
        read_manifest(text)
    assert caught.value.code == "E503"


def test_nan_is_no_temperature():
    with pytest.raises(ManifestMismatch):
        read_manifest(raw(calibration={"temperature": float("nan")}))


def test_classes_become_coded_concepts():
    manifest = toys.manifest(
        classes=[
            {"name": "no-pneumonia", "is_finding": False},
            {"name": "pneumonia"},
            {"name": "odd one"},
            {"name": "coded", "concept": {"value": "1", "scheme": "99X", "meaning": "Coded"}},
        ]
    )
    found = manifest.predicted_classes
    assert [entry.is_finding for entry in found] == [False, True, True, True]
    assert found[1].concept == concept("pneumonia")
    assert found[2].concept == local_concept("odd one")
    assert found[3].concept.meaning == "Coded"


def test_operating_points_become_nouns():
    point = toys.manifest().predicted_classes[1].operating_point
    assert point.threshold == 0.4
    assert (point.sensitivity.low, point.sensitivity.high, point.sensitivity.level) == (0.85, 0.95, 0.95)
    assert point.data_set == "toy tuning"


def test_the_schema_describes_the_manifest():
    schema = manifest_schema()
    assert set(schema["required"]) >= {"name", "version", "task", "input", "network", "classes", "licence"}
    assert schema["additionalProperties"] is False
    assert json.loads(json.dumps(schema)) == schema
    assert set(toys.manifest().model_dump()) == set(schema["properties"])


def test_the_card_says_what_a_reader_needs():
    manifest = toys.manifest(
        input={"modalities": ["DX"], "age_years": {"minimum": 1, "maximum": 5}, "body_parts": ["chest"]}
    )
    card = model_card(manifest, "ab" * 32)
    for text in (
        "Tells bright from dark.",
        "区分明暗。",
        "not a medical device",
        "不是医疗器械",
        "ab" * 32,
        "| modality | DX |",
        "| body part | chest |",
        "| age | 1 to 5 years |",
        "resize (rows 12, columns 16)",
        "233604007",
        "0.9 (0.85 to 0.95)",
        "| auroc | 0.97 | 0.95 to 0.99 (95%) | toy test | 100 |",
        "Knows only | bright and dark.",
        "只认识明与暗。",
        "hounsfield train DATA -o toy.model --seed 7",
        "CC0-1.0",
    ):
        assert text in card
    assert card == model_card(manifest, "ab" * 32)


def test_a_card_cannot_be_made_to_hold_markup():
    card = model_card(toys.manifest(licence="<script>alert(1)</script> | x\n# heading"))
    assert "<script" not in card
    assert "\n# heading" not in card
    assert "\\| x" in card


def test_a_card_of_a_bare_manifest_says_what_is_not_stated():
    card = model_card(toys.manifest(metrics=[], limits=[], command="", seed=None, data={}))
    assert "None stated." in card
    assert "not stated" in card


@pytest.mark.parametrize(
    ("term", "region"),
    [
        ("CHEST", "chest"),
        ("chest", "chest"),
        ("CHEST PA", "chest"),
        ("THORAX", "chest"),
        ("CHEST_ABDOMEN", "chest"),
        ("HEAD", "brain"),
        ("SKULL", "brain"),
        ("C-SPINE", "spine"),
        ("HAND", "upper-limb"),
        ("HAND", "hand"),
        ("WHOLEBODY", "chest"),
        ("BREAST", "breast"),
        ("KNEE", "lower-limb"),
    ],
)
def test_header_terms_mean_regions(term, region):
    assert region in regions_of(term)


@pytest.mark.parametrize("term", ["", "XYZZY", "42", "CHESTNUT"])
def test_unknown_terms_mean_nothing(term):
    assert regions_of(term) == frozenset()


STANDARD_TERMS = """
ABDOMEN ABDOMENPELVIS ADRENAL ANKLE ARM AXILLA BACK BLADDER BRAIN BREAST BRONCHUS CALCANEUS CALF CAROTID
CEREBELLUM CERVIX CHEEK CHEST CHESTABDOMEN CHESTABDPELVIS CIRCLEOFWILLIS CLAVICLE COCCYX COLON CORNEA
CORONARYARTERY CSPINE CTSPINE DUODENUM EAR ELBOW ESOPHAGUS EXTREMITY EYE EYELID FACE FEMUR FINGER FOOT
GALLBLADDER HAND HEAD HEADNECK HEART HIP HUMERUS IAC ILEUM ILIUM JAW JEJUNUM KIDNEY KNEE LARYNX LEG LIVER
LSPINE LSSPINE LUNG MAXILLA MEDIASTINUM MOUTH NECK NECKCHEST NECKCHESTABDOMEN NECKCHESTABDPELV NOSE ORBIT
OVARY PANCREAS PAROTID PATELLA PELVIS PENIS PHARYNX PROSTATE RADIUS RADIUSULNA RECTUM RIB SCALP SCAPULA SCLERA
SCROTUM SHOULDER SKULL SPINE SPLEEN SSPINE STERNUM STOMACH SUBMANDIBULAR TESTIS THIGH THUMB THYROID TIBIA
TIBIAFIBULA TLSPINE TMJ TOE TONGUE TRACHEA TSPINE ULNA URETER UTERUS VAGINA VULVA WHOLEBODY WRIST ZYGOMA
"""


def test_terms_of_the_standard_are_known():
    """Body Part Examined terms of PS3.16 annex L that pydicom's own files and most scanners use."""
    assert [term for term in STANDARD_TERMS.split() if not regions_of(term)] == []


def test_terms_are_written_as_they_are_looked_up():
    for terms in REGIONS.values():
        assert all(term == term.upper() and term.isalnum() for term in terms)


POINT = toys.settings()["classes"][1]["operating_point"]


def with_points(**points):
    first, second = toys.settings()["classes"]
    return toys.manifest(classes=[first, {**second, **points}])


def test_a_class_may_have_points_to_rule_out_and_to_rule_in():
    manifest = with_points(rule_out={**POINT, "threshold": 0.1}, rule_in={**POINT, "threshold": 0.9})
    pair = read_manifest(manifest.to_json()).classes[1].rule_points()
    assert [point.threshold for point in pair] == [0.1, 0.9]
    assert manifest.classes[0].rule_points() is None
    card = model_card(manifest)
    for word, threshold in (("rule-out", "0.1"), ("rule-in", "0.9")):
        assert any(word in line and threshold in line for line in card.splitlines())


@pytest.mark.parametrize("points", [{}, {"rule_out": POINT}, {"rule_in": POINT}])
def test_one_point_alone_is_no_pair(points):
    assert with_points(**points).classes[1].rule_points() is None


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_point_that_is_no_score_is_refused(threshold):
    with pytest.raises(ValueError, match="rule_out"):
        with_points(rule_out={**POINT, "threshold": threshold}, rule_in=POINT)
