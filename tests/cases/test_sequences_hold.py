"""Sequences held to answers by hand: what arrays and manifests tell, frames in common, refusals in both languages."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.folders import place_of
from hounsfield.cases.sequenced import read_sequences
from hounsfield.cases.sequenced_folders import patient_of, sequences_in
from hounsfield.cases.sequenced_guard import FrameLooks, examine_sequences, missing_numbers
from hounsfield.cases.sequenced_reader import StackReader, natural_key, pictures_of, stack_image
from hounsfield.cases.sequenced_signs import can_only_be_sequences, holds_films_alone, is_film, is_sequenced, side_key
from hounsfield.cases.table import Case, Source
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import DatasetError
from tests.cases.sequenced_examples import film, save_frames, write_manifest
from tests.cases.test_cine_manifest import write_video
from tests.prepare.volumes import volume_of

NONE = np.zeros((0, 2), dtype=np.int64)


def case_at(row=0, path=Path("x.npz")):
    return Case(f"case {row}", 0, None, None, Source(path, row))


def refused(call):
    """Return the code of a refusal, whose sentences in both languages have no gaps."""
    with pytest.raises(DatasetError) as caught:
        call()
    texts = [caught.value.text(language) for language in ("en", "zh")]
    assert all(text and "{" not in text for text in texts)
    assert texts[0] != texts[1]
    return caught.value.code


def looks_of(*films):
    looks = FrameLooks(len(films))
    for index, shown in enumerate(films):
        looks.add(index, volume_of(np.asarray(shown, dtype=np.float32)))
    return looks


def test_frames_in_common_are_pairs_with_the_first_that_shows_them():
    """0, 1 and 3 show one frame, 2 and 3 another: what is joined is everything but 4."""
    frames = film(1, 12, 8)
    looks = looks_of(frames[:2], frames[[0, 3]], frames[[4, 5]], frames[[5, 0]], frames[6:9])
    assert looks.counts.tolist() == [2, 2, 2, 2, 3]
    assert looks.shared(NONE).tolist() == [[0, 1], [0, 3], [2, 3]]


def test_exact_copies_are_not_told_twice_as_frames_in_common():
    frames = film(2, 6, 8)
    looks = looks_of(frames[:3], frames[:3], frames[:3], frames[[2, 5]])
    assert looks.shared(np.array([[0, 1], [0, 2]])).tolist() == [[0, 3]]


def test_a_frame_shown_twice_in_one_film_and_frames_of_one_grey_bind_nothing():
    frames = film(3, 4, 8)
    frames[1] = frames[0]
    grey = np.full((2, 8, 8), 7, np.uint8)
    assert looks_of(frames, grey, grey, np.zeros((3, 8, 8))).shared(NONE).shape == (0, 2)


def test_frames_of_the_same_bytes_and_another_form_are_not_the_same():
    frames = film(4, 1, 8)
    assert looks_of(frames, frames.reshape(1, 4, 16)).shared(NONE).tolist() == []


@pytest.mark.parametrize("start", [0, 1, 7])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_as_many_numbers_are_missing_as_were_taken_away(start, stride):
    numbers = [start + stride * place for place in range(12)]
    taken = {3, 4, 8}
    left = [f"scan 2 im{number}.png" for place, number in enumerate(numbers) if place not in taken]
    assert missing_numbers(left) == len(taken)
    assert missing_numbers(left[::-1]) == len(taken)
    assert missing_numbers([f"im{number}.png" for number in numbers]) == 0


def test_names_come_in_the_order_of_their_numbers_wherever_they_stand():
    chance = np.random.default_rng(0)
    names = [Path(f"exam {exam}/slice{number}.png") for exam in (1,) for number in range(0, 1200, 37)]
    shuffled = [names[place] for place in chance.permutation(len(names))]
    assert sorted(shuffled, key=natural_key) == names


def test_pictures_of_a_folder_leave_out_hidden_files_and_notes(tmp_path):
    save_frames(tmp_path, film(0, 11, 8))
    (tmp_path / ".slice 3.png").write_bytes((tmp_path / "slice 3.png").read_bytes())
    (tmp_path / "note.txt").write_text("not a frame", encoding="utf-8")
    (tmp_path / "slice 5b").mkdir()
    assert [path.name for path in pictures_of(tmp_path)] == [f"slice {number}.png" for number in range(11)]


def test_rows_of_several_arrays_are_counted_through_and_padding_is_cut():
    first, second = np.stack([film(i, 4, 8) for i in range(2)]), np.stack([film(i, 6, 8) for i in range(2, 5)])
    reader = StackReader([first, second], [4, 1, 6, 2, 3])
    expected = [first[0], first[1, :1], second[0], second[1, :2], second[2, :3]]
    for row, wanted in enumerate(expected):
        np.testing.assert_array_equal(reader.frames(case_at(row)), wanted)
        volume = reader.read(case_at(row)).volume
        assert volume.quantity is Quantity.DISPLAY
        np.testing.assert_allclose(volume.array * 255, wanted, atol=1e-3)
        assert volume.slice_axis is (SliceAxis.SINGLE if len(wanted) == 1 else SliceAxis.SPACE)


def test_one_scale_holds_for_every_row_so_that_dark_films_stay_dark():
    dark, bright = np.full((1, 2, 4, 4), 51, np.uint8), np.full((1, 2, 4, 4), 255, np.uint8)
    reader = StackReader([dark, bright])
    assert reader.read(case_at(0)).volume.array.max() == pytest.approx(0.2)
    assert reader.read(case_at(1)).volume.array.max() == pytest.approx(1.0)


def test_values_that_are_no_display_stay_as_they_are():
    hounsfield = np.linspace(-1000, 1000, 2 * 4 * 4).reshape(2, 4, 4).astype(np.int16)
    volume = stack_image(hounsfield, case_at()).volume
    assert volume.quantity is Quantity.ARBITRARY
    np.testing.assert_array_equal(volume.array, hounsfield)


def test_one_channel_of_colour_is_grey():
    grey = stack_image(film(1, 3, 8)[..., None], case_at()).volume
    np.testing.assert_array_equal(grey.array, stack_image(film(1, 3, 8), case_at()).volume.array)


@pytest.mark.parametrize("frames", [np.full((2, 3, 4), np.inf), np.zeros((2, 3, 4), "U1"), np.zeros((2, 3, 0))])
def test_frames_that_no_one_can_show_are_refused(frames):
    assert refused(lambda: stack_image(frames, case_at())) == "E818"


@pytest.mark.parametrize("name", ["empty.npz", "broken.npy", "pickled.npy", "text.npz"])
def test_stored_arrays_that_cannot_be_read_are_refused_one_by_one(tmp_path, name):
    np.savez(tmp_path / "empty.npz")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr'")
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npz").write_text("no archive", encoding="utf-8")
    for index in range(3):
        np.save(tmp_path / f"good{index}.npy", film(index))
    rows = [{"path": f"good{index}.npy", "label": "ab"[index % 2]} for index in range(3)]
    write_manifest(tmp_path, [*rows, {"path": name, "label": "b"}])
    table = read_sequences(tmp_path / "manifest.csv").table
    assert table.read_volume(table.cases[0]).geometry.shape == (5, 32, 32)
    assert refused(lambda: table.read(table.cases[3])) == "E818"


def test_class_names_settle_the_order_of_labels_in_every_layout(tmp_path):
    for index in range(4):
        save_frames(tmp_path / "folders" / ("Benign", "malignant")[index % 2] / f"f{index}", film(index, 3, 8))
    images = np.stack([film(index, 3, 8) for index in range(4)])
    np.savez(tmp_path / "words.npz", images=images, labels=np.array(["Benign", "malignant"] * 2))
    names = ("Benign", "malignant", "Benign", "malignant")
    rows = [{"path": f"{name}/f{index}", "label": name} for index, name in enumerate(names)]
    write_manifest(tmp_path / "folders", rows, "listed.csv")
    for data in ("folders/listed.csv", "words.npz"):
        table = read_sequences(tmp_path / data, ("malignant", "benign")).table
        assert table.class_names == ("malignant", "benign")
        assert table.labels.tolist() == [1, 0, 1, 0]
        assert refused(lambda data=data: read_sequences(tmp_path / data, ("benign", "cyst"))) == "E806"
    (tmp_path / "folders" / "listed.csv").unlink()
    named = read_sequences(tmp_path / "folders", ("malignant", "benign")).table
    assert {case.identifier.split("/")[0]: case.label for case in named.cases} == {"Benign": 1, "malignant": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"train_patients": np.arange(3)},
        {"train_patients": np.arange(4), "val_patients": np.arange(3)},
        {"val_lengths": np.array([1, 2, 3, 3])},
    ],
)
def test_facts_that_are_told_of_some_cases_alone_are_refused(tmp_path, change):
    arrays = {}
    for part in ("train", "val"):
        arrays[f"{part}_images"] = np.stack([film(index, 3, 8) for index in range(4)])
        arrays[f"{part}_labels"] = np.arange(4) % 2
    np.savez(tmp_path / "x.npz", **arrays, **change)
    assert refused(lambda: read_sequences(tmp_path / "x.npz")) == "E903"


def test_a_patient_without_a_name_is_not_one_patient_of_many(tmp_path):
    images = np.stack([film(index, 3, 8) for index in range(4)])
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(4) % 2, patients=np.array(["p1", "", "p1", ""]))
    table = read_sequences(tmp_path / "x.npz").table
    assert [case.patient for case in table.cases] == ["p1", None, "p1", None]
    (issue,) = [issue for issue in table.issues if issue.code == "Q800"]
    assert (issue.facts["count"], issue.facts["total"]) == (2, 4)
    groups = examine_sequences(table).found.groups
    assert groups[0] == groups[2]
    assert len(set(groups)) == 3


def test_signs_of_sequences_are_not_seen_where_there_are_none(tmp_path):
    np.savez(tmp_path / "volumes.npz", images=np.zeros((4, 3, 8, 8), np.uint8), labels=np.arange(4) % 2)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 torn")
    assert not can_only_be_sequences(tmp_path / "volumes.npz")
    assert not can_only_be_sequences(tmp_path / "broken.npz")
    assert not is_film(tmp_path / "absent.avi")
    (tmp_path / "named.avi").write_text("only by name", encoding="utf-8")
    assert not is_film(tmp_path / "named.avi")
    assert (side_key("", "lengths"), side_key("training", "lengths")) == ("lengths", "train_lengths")


def test_one_picture_among_films_leaves_the_task_open(tmp_path):
    (tmp_path / "a").mkdir()
    write_video(tmp_path / "a" / "one.avi", film(0))
    assert is_sequenced(tmp_path)
    Image.fromarray(film(1)[0]).save(tmp_path / "a" / "two.png")
    assert not holds_films_alone(tmp_path)
    assert not is_sequenced(tmp_path)


def test_what_is_a_sequence_in_a_folder_is_named_by_its_place(tmp_path):
    save_frames(tmp_path / "a" / "p1" / "left", film(0))
    np.save(tmp_path / "b.npy", film(1))
    write_video(tmp_path / "c.mp4", film(2))
    found = sequences_in(tmp_path)
    assert found == [("a", "p1", "left"), ("b.npy",), ("c.mp4",)]
    assert place_of(found[0])[1] == "a"
    assert patient_of(tmp_path / "a" / "p1" / "left") is None
    (tmp_path / "void").mkdir()
    assert patient_of(tmp_path / "void") is None
