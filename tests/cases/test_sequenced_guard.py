"""The examination of sequences finds what is planted: copies, shared frames, torn patients, gaps, telling lengths."""

import shutil

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.duplicates import frames_thumbnail, thumbnail
from hounsfield.cases.sequenced import read_sequences
from hounsfield.cases.sequenced_guard import examine_sequences, missing_numbers
from hounsfield.errors import DatasetError
from tests.cases.sequenced_examples import film, save_frames
from tests.prepare.volumes import volume_of


def clean(root, count=8):
    """Write class folders of films that have nothing in common, each of its own patient."""
    for index in range(count):
        save_frames(root / "ab"[index % 2] / f"p{index}" / "film", film(index))
    return root


def found_in(root):
    table = read_sequences(root).table
    examined = examine_sequences(table)
    place = {case.identifier: index for index, case in enumerate(table.cases)}
    return examined, place, {issue.code: issue for issue in examined.found.issues}


def test_a_clean_set_has_no_issue(tmp_path):
    examined, _, issues = found_in(clean(tmp_path))
    assert issues == {}
    assert examined.frame_counts == (5,) * 8
    assert len(set(examined.found.groups)) == 8
    assert all(len(digest) == 64 for digest in examined.found.digests)


def test_an_exact_copy_with_another_class_is_said_and_kept_together(tmp_path):
    clean(tmp_path)
    shutil.copytree(tmp_path / "a" / "p0", tmp_path / "b" / "copy")
    examined, place, issues = found_in(tmp_path)
    assert {"Q801", "Q804"} <= set(issues)
    groups = examined.found.groups
    assert groups[place["a/p0/film"]] == groups[place["b/copy/film"]]
    assert "Q900" not in issues


def test_a_copy_that_was_made_brighter_or_mirrored_is_found(tmp_path):
    clean(tmp_path)
    save_frames(tmp_path / "a" / "bright" / "film", np.clip(film(0) * 0.8 + 20, 0, 255).astype(np.uint8))
    save_frames(tmp_path / "a" / "mirrored" / "film", np.ascontiguousarray(film(2)[:, :, ::-1]))
    examined, place, issues = found_in(tmp_path)
    assert "Q802" in issues
    groups = examined.found.groups
    assert groups[place["a/bright/film"]] == groups[place["a/p0/film"]]
    assert groups[place["a/mirrored/film"]] == groups[place["a/p2/film"]]


def test_frames_in_another_order_are_no_copy_but_share_frames(tmp_path):
    clean(tmp_path)
    save_frames(tmp_path / "b" / "backwards" / "film", film(0)[::-1])
    examined, place, issues = found_in(tmp_path)
    assert "Q801" not in issues
    assert "Q802" not in issues
    assert issues["Q900"].facts["count"] == 2
    assert examined.found.groups[place["a/p0/film"]] == examined.found.groups[place["b/backwards/film"]]


def test_one_frame_in_common_binds_two_films_but_an_empty_one_does_not(tmp_path):
    clean(tmp_path)
    other = film(30)
    other[2] = film(0)[4]
    save_frames(tmp_path / "a" / "cut" / "film", other)
    for name, seed in (("x", 31), ("y", 32)):
        empty = film(seed)
        empty[0] = 0
        save_frames(tmp_path / "b" / name / "film", empty)
    examined, place, _ = found_in(tmp_path)
    groups = examined.found.groups
    assert examined.shared.tolist() == [sorted((place["a/p0/film"], place["a/cut/film"]))]
    assert groups[place["a/p0/film"]] == groups[place["a/cut/film"]]
    assert groups[place["b/x/film"]] != groups[place["b/y/film"]]


def test_a_patient_on_two_sides_is_said(tmp_path):
    for part, start in (("train", 0), ("test", 10)):
        for index in range(4):
            patient = "torn" if index == 0 else f"{part}{index}"
            save_frames(tmp_path / part / "ab"[index % 2] / patient / "film", film(start + index))
    _, _, issues = found_in(tmp_path)
    assert issues["Q808"].facts["count"] == 1


def test_single_frames_gaps_and_broken_films_are_said(tmp_path):
    clean(tmp_path, 12)
    save_frames(tmp_path / "a" / "short" / "film", film(20, 1))
    gap = save_frames(tmp_path / "b" / "gap" / "film", film(21, 6))
    (gap / "slice 2.png").unlink()
    broken = save_frames(tmp_path / "a" / "broken" / "film", film(22))
    (broken / "slice 3.png").write_bytes((broken / "slice 3.png").read_bytes()[:60])
    examined, place, issues = found_in(tmp_path)
    assert issues["Q901"].facts["cases"] == "a/short/film"
    assert issues["Q903"].facts["cases"] == "b/gap/film"
    assert "a/broken/film" in str(issues["Q805"].facts["cases"])
    assert examined.frame_counts[place["a/broken/film"]] == 0
    assert examined.frame_counts[place["b/gap/film"]] == 5


def test_too_many_broken_films_are_refused(tmp_path):
    clean(tmp_path, 4)
    for path in (tmp_path / "a").rglob("slice 1.png"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DatasetError, match="E805"):
        found_in(tmp_path)


def test_lengths_that_tell_the_class_are_a_note(tmp_path):
    for index in range(24):
        label = "ab"[index % 2]
        save_frames(tmp_path / label / f"p{index}" / "film", film(index, 3 if label == "a" else 7, 16))
    _, _, issues = found_in(tmp_path)
    assert (issues["Q902"].severity, issues["Q902"].facts["score"]) == ("note", "1.00")
    assert not [code for code in issues if code in ("Q871", "Q874")]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["1.png", "2.png", "3.png"], 0),
        (["f0.png", "f1.png", "f4.png"], 2),
        (["t00.png", "t05.png", "t10.png"], 0),
        (["t00.png", "t05.png", "t15.png"], 1),
        (["a.png", "b.png"], 0),
        (["1.png", "1.jpg"], 0),
        (["7.png"], 0),
        (["s1 im2.png", "s1 im3.png", "s1 im5.png"], 1),
    ],
)
def test_missing_numbers_are_counted(names, missing):
    assert missing_numbers(names) == missing


def test_the_look_of_a_film_is_four_of_its_frames():
    shown = film(3, 7, 64).astype(np.float32)
    look = frames_thumbnail(volume_of(shown))
    assert look.shape == (32, 32)
    expected = np.asarray(Image.fromarray(shown[4]).resize((32, 8), Image.Resampling.BOX))
    np.testing.assert_array_equal(look[16:24], expected)
    mirrored = frames_thumbnail(volume_of(np.ascontiguousarray(shown[:, :, ::-1])))
    np.testing.assert_allclose(mirrored, look[:, ::-1], atol=1e-4)
    np.testing.assert_array_equal(thumbnail(volume_of(shown[3:4])), thumbnail(volume_of(shown)))
