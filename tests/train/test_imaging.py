"""The family of the images of a data set, and the augmentation and reasons that follow from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import pydicom  # noqa: E402

from hounsfield.cases.layouts import read_cases  # noqa: E402
from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.contract import InputContract  # noqa: E402
from hounsfield.train.augment import Affine, augment  # noqa: E402
from hounsfield.train.augment_choice import CUSTOMS, customary, customary_reasons  # noqa: E402
from hounsfield.train.elastic import Elastic  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint, take_fingerprint  # noqa: E402
from hounsfield.train.imaging import TERMS, Imaging, Told, tell_imaging, term_of  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.planner import LARGE_AUGMENT, SMALL_AUGMENT, make_plan  # noqa: E402
from hounsfield.train.recipe import ModelFacts, Recipe, read_recipe  # noqa: E402
from hounsfield.train.segmentation.planner import make_mask_plan  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402
from tests.train.segmentation.test_planner import FOUND  # noqa: E402
from tests.train.tiny import write_folders  # noqa: E402

STARTERS = Path(__file__).resolve().parents[2] / "starters"


def plan(recipe=None, modalities=(), side=200, names=("a", "b"), **options):
    sides = bool({"left", "right"} & set(names))
    found = Fingerprint(1000, (500, 500), side, True, sides, modalities)
    return make_plan(TrainOptions(**options), recipe or Recipe(), found, names, 1)


def kinds_of(plan):
    return [kind.kind for kind in plan.augment]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("MR", "MR"), ("us", "US"), (" dx ", "DX"), ("T2-FLAIR", "MR"), ("T1w", "MR"), ("x-ray", "DX"), ("X Ray", "DX"),
        ("ultrasound", "US"), ("cineMRI", "MR"), ("CT", "CT"), ("fundus photograph", "OP"), ("SM", "SM"),
        ("PT", ""), ("OT", ""), ("image", ""), ("", ""), ("red", ""), ("0", ""),
    ],
)  # fmt: skip
def test_terms_of_what_people_write(text, term):
    assert term_of(text) == term


def test_every_term_is_one_that_dicom_defines():
    keyword = pydicom.datadict.keyword_for_tag(0x00080060)
    assert keyword == "Modality"
    assert all(term.isupper() and len(term) <= 16 for term in TERMS)
    assert set(TERMS.values()) == set(Imaging) - {Imaging.UNKNOWN}


def test_a_person_wins_over_the_recipe_and_that_over_the_data():
    assert tell_imaging("US", ["MR"], ["CT"]) == Told(Imaging.ULTRASOUND, "US", "option")
    assert tell_imaging(None, ["MR"], ["CT"]) == Told(Imaging.MAGNETIC_RESONANCE, "MR", "recipe")
    assert tell_imaging(None, [], ["CT", "CT"]) == Told(Imaging.TOMOGRAPHY, "CT", "data")
    assert tell_imaging(None, [], ["", ""]) == Told()


def test_terms_of_one_family_agree_and_others_do_not():
    assert tell_imaging(None, ["CR", "DX", "RG"], []) == Told(Imaging.RADIOGRAPH, "CR, DX, RG", "recipe")
    assert tell_imaging(None, ["CT", "MR"], ["US"]).imaging is Imaging.UNKNOWN
    assert tell_imaging(None, [], ["US", "OT"]).imaging is Imaging.UNKNOWN
    assert tell_imaging(None, [], ["T1", "T2", "FLAIR"]).imaging is Imaging.MAGNETIC_RESONANCE


def test_an_unknown_modality_is_refused_by_name():
    with pytest.raises(SettingsError) as caught:
        tell_imaging("tricorder", [], [])
    assert caught.value.code == "E910"
    assert "tricorder" in caught.value.text("en")
    assert "US" in caught.value.text("zh")


@pytest.mark.parametrize("kinds", [SMALL_AUGMENT, LARGE_AUGMENT, ()])
def test_nothing_known_changes_nothing(kinds):
    assert customary(kinds, Imaging.UNKNOWN) == kinds
    assert customary(kinds, Imaging.PHOTOGRAPH) == kinds
    assert customary_reasons(Told()) == ()


@pytest.mark.parametrize("imaging", list(Imaging))
@pytest.mark.parametrize("kinds", [SMALL_AUGMENT, LARGE_AUGMENT])
def test_a_family_leaves_out_and_adds_what_it_says(imaging, kinds):
    found = [kind.kind for kind in customary(kinds, imaging)]
    custom = CUSTOMS[imaging]
    before = {kind.kind for kind in kinds}
    assert set(found) == (before - custom.left_out) | {kind.kind for kind in custom.added}
    assert len(set(found)) == len(found)
    images = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    changed = augment(images, customary(kinds, imaging), torch.Generator().manual_seed(1))
    assert changed.shape == images.shape
    assert torch.isfinite(changed).all()


def test_what_bends_follows_what_turns_and_what_covers_comes_last():
    found = customary(LARGE_AUGMENT, Imaging.ULTRASOUND)
    names = [kind.kind for kind in found]
    assert names[:2] == ["affine", "elastic"]
    assert names[-1] == "erase"
    assert names.index("speckle") > names.index("blur")
    assert customary((), Imaging.MICROSCOPY) == (Elastic(probability=0.3),)


def test_microscopy_has_no_up_and_down():
    (turned, *_) = customary((Affine(rotation_degrees=10, flip_probability=0.5),), Imaging.MICROSCOPY)
    assert (turned.rotation_degrees, turned.upside_down_probability) == (180.0, 0.5)
    (sided, *_) = customary((Affine(rotation_degrees=10),), Imaging.MICROSCOPY)
    assert sided.upside_down_probability == 0


@pytest.mark.parametrize(
    ("modality", "has", "has_not"),
    [
        ("US", "speckle", "bias-field"), ("MR", "rician-noise", "noise"), ("CT", "dose-noise", "gamma"),
        ("DX", "collimation", "noise"), ("SM", "elastic", "bias-field"),
    ],
)  # fmt: skip
def test_the_plan_of_a_classifier_follows_the_modality_and_says_why(modality, has, has_not):
    for found in (plan(modality=modality), plan(modalities=(modality,))):
        assert has in kinds_of(found)
        assert has_not not in kinds_of(found)
        (why,) = [reason for reason in found.reasons if reason.choice == "augment"]
        for language in ("en", "zh"):
            assert has in why.text(language)
            assert modality in why.text(language)
    assert kinds_of(plan()) == [kind.kind for kind in LARGE_AUGMENT]
    assert not [reason for reason in plan().reasons if reason.choice == "augment"]


def test_a_recipe_that_names_its_kinds_keeps_them():
    recipe = Recipe(augment=(Affine(),), model=ModelFacts(input=InputContract(modalities=["US"])))
    assert kinds_of(plan(recipe)) == ["affine"]
    assert not [reason for reason in plan(recipe).reasons if reason.choice == "augment"]
    bare = recipe.model_copy(update={"augment": None})
    assert "shadow" in kinds_of(plan(bare))


def test_sides_are_never_mirrored_whatever_the_family():
    for modality in ("US", "MR", "SM"):
        found = plan(modality=modality, names=("left", "right"))
        assert [kind.flip_probability for kind in found.augment if isinstance(kind, Affine)] == [0.0]
        assert len([reason for reason in found.reasons if reason.choice == "augment"]) == 2


@pytest.mark.parametrize(
    ("facts", "names", "has"),
    [
        ({"is_hounsfield": True}, ("image",), "dose-noise"),
        ({}, ("T1", "FLAIR"), "rician-noise"),
        ({}, ("ultrasound",), "speckle"),
        ({}, ("image",), "noise"),
    ],
)
def test_the_plan_of_masks_follows_units_and_names_of_channels(facts, names, has):
    table = replace(discs.table(), channel_names=names)
    found = make_mask_plan(TrainOptions(), Recipe(), replace(FOUND, channels=len(names), **facts), table, 1)
    assert has in kinds_of(found)
    assert any(reason.choice == "augment" for reason in found.reasons) is (has != "noise")


def test_the_heart_is_trained_with_the_augmentation_of_its_recipe_and_never_mirrored():
    recipe = read_recipe(STARTERS / "cardiac-mri.toml")
    names = ("background", *(entry.name for entry in recipe.classes))
    table = replace(discs.table(), label_names=names)
    found = replace(FOUND, names_sides=True)
    named = make_mask_plan(TrainOptions(), recipe, found, table, 1)
    assert recipe.augment
    assert named.augment == tuple(recipe.augment)
    turned = [kind for kind in named.augment if kind.kind == "affine"]
    assert [(kind.flip_probability, kind.upside_down_probability) for kind in turned] == [(0.0, 0.0)]


def test_the_fingerprint_reads_modality_of_pictures_manifests_and_headers(tmp_path):
    folder = write_folders(tmp_path / "pictures", 8)
    table = read_cases(folder)
    assert take_fingerprint(table, range(8)).modalities == ("",)
    told = [replace(case, attributes=(("Modality", "US"),)) for case in table.cases]
    assert take_fingerprint(replace(table, cases=tuple(told)), range(8)).modalities == ("US",)
    mixed = (*told[:4], *table.cases[4:])
    assert take_fingerprint(replace(table, cases=mixed), range(8)).modalities == ("", "US")


def test_the_fingerprint_reads_dicom(tmp_path):
    for index in range(4):
        path = tmp_path / ("a" if index % 2 else "b") / f"{index}.dcm"
        path.parent.mkdir(exist_ok=True)
        _write_ultrasound(path, index)
    assert take_fingerprint(read_cases(tmp_path), range(4)).modalities == ("US",)


def _write_ultrasound(path, index):
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.UltrasoundImageStorage
    for number, name in enumerate(("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")):
        setattr(dataset, name, f"1.2.3.{number}.{index}")
    dataset.Modality = "US"
    dataset.PatientID = f"p{index}"
    dataset.Rows, dataset.Columns = 16, 20
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = np.random.default_rng(index).integers(0, 255, (16, 20), dtype=np.uint8).tobytes()
    dataset.save_as(path, enforce_file_format=True)
