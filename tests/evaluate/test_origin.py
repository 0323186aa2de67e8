"""Internal or external: by images of the run, by file, by name; copies of training images are named."""

import hashlib
import json

import numpy as np
import pytest

from hounsfield.cases.guard import examine
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.seen import SEEN_FILE, SeenImages, read_seen, seen_json
from hounsfield.evaluate.origin import Evidence, OriginKind, find_origin
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.model.registry import run_folder_of
from hounsfield.model.statements import DataSource, DataStatement
from tests.evaluate.examples import brightness_npz, flat, save, write_model


def folders(root, start=0, count=10):
    for index in range(count):
        save(root / "normal" / f"{index}.png", flat(60 + index, start + index))
        save(root / "pneumonia" / f"{index}.png", flat(180 + index, start + 100 + index))
    return root


def digests_of(path):
    table = read_cases(path)
    return table, list(examine(table).digests)


def write_seen(folder, **parts):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SEEN_FILE).write_bytes(seen_json(parts))
    return folder


def test_digests_are_of_the_decoded_samples(tmp_path):
    """The same picture as PNG and as TIFF has one digest; a changed pixel has another."""
    picture = flat(100, 1)
    folders(tmp_path)
    for name in ("copy.png", "copy.tif"):
        save(tmp_path / "normal" / name, picture)
    changed = picture.copy()
    changed[0, 0] ^= 1
    save(tmp_path / "normal" / "changed.png", changed)
    table, digests = digests_of(tmp_path)
    of = {case.identifier: digest for case, digest in zip(table.cases, digests, strict=True)}
    assert of["normal/copy.png"] == of["normal/copy.tif"] != of["normal/changed.png"]
    assert all(len(digest) == 64 for digest in digests)


def test_what_is_written_is_read_and_damage_is_nothing(tmp_path):
    folder = write_seen(tmp_path / "run", training=["a" * 64, "", "a" * 64], tuning=["b" * 64])
    seen = read_seen(folder)
    assert seen == SeenImages({"training": frozenset(["a" * 64]), "tuning": frozenset(["b" * 64])})
    assert seen.of("test") == frozenset()
    assert seen.every == {"a" * 64, "b" * 64}
    assert read_seen(tmp_path) is None
    for damage in (b"{", b"[]", b'{"parts": {"training": ["../x"]}}', b'{"parts": {"training": 3}}'):
        (folder / SEEN_FILE).write_bytes(damage)
        assert read_seen(folder) is None


def test_copies_of_training_images_are_named_and_make_the_test_internal(tmp_path):
    folders(tmp_path / "data")
    table, digests = digests_of(tmp_path / "data")
    run = write_seen(tmp_path / "run", training=digests[:3], tuning=digests[5:6])
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"))
    result = evaluate(model, read_cases(tmp_path / "data"), options=EvaluateOptions(resamples=30, run_folder=run))
    origin = result.subject.origin
    assert (origin.kind, origin.evidence, origin.is_checked) == (OriginKind.INTERNAL, Evidence.IMAGES, True)
    assert origin.training_copies == tuple(case.identifier for case in table.cases[:3])
    assert origin.tuning_copies == (table.cases[5].identifier,)
    told = {issue.code: issue.text() for issue in result.issues}
    assert told["Q862"].startswith("3 of 20 evaluated cases")
    assert table.cases[0].identifier in told["Q862"]
    assert told["Q861"].startswith("1 of 20")
    stored = json.loads(json.dumps(result.as_json()))["origin"]
    assert (stored["test"], stored["copies_checked"]) == ("internal", True)
    assert len(stored["copies_of_training_images"]) == 3


def test_images_that_share_nothing_with_the_run_are_external(tmp_path):
    folders(tmp_path / "ours")
    folders(tmp_path / "theirs", start=500)
    run = write_seen(tmp_path / "run", training=digests_of(tmp_path / "ours")[1])
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"))
    result = evaluate(model, read_cases(tmp_path / "theirs"), options=EvaluateOptions(resamples=30, run_folder=run))
    assert result.as_json()["origin"]["test"] == "external"
    assert not {"Q861", "Q862"} & {issue.code for issue in result.issues}


def test_without_a_run_folder_nothing_is_claimed(tmp_path):
    model = write_model(tmp_path / "m.model", ("normal", "pneumonia"))
    result = evaluate(model, read_cases(folders(tmp_path / "data")), tmp_path / "out", EvaluateOptions(resamples=30))
    assert result.as_json()["origin"] == {
        "test": "unknown", "evidence": "nothing", "sources_of_the_model": [], "copies_checked": False,
        "copies_of_training_images": [], "copies_of_tuning_images": [],
    }  # fmt: skip
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Internal or external test: not known" in page
    assert "were not looked for" in page
    assert "内部或外部测试：未知" in page
    assert "ui.evaluate-origin" not in page


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("Chest-Set (Doe 2020), 500 images", "internal"),
        ("chest set 7", "internal"),
        ("CT", "unknown"),
        ("Another set", "unknown"),
        ("", "unknown"),
    ],
)
def test_names_of_sources(tmp_path, source, kind):
    table = read_cases(folders(tmp_path / "chest_set_7", count=3))
    statement = DataStatement(sources=[DataSource(name=source)] if source else [])
    found = find_origin(table, [""] * len(table), statement, None, "all")
    assert (found.kind.value, found.is_checked) == (kind, False)


def test_the_digest_of_the_file_is_that_of_a_source(tmp_path):
    path = brightness_npz(tmp_path / "x.npz", "test", [60, 200] * 4, [0, 1] * 4)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    table = read_cases(path)
    for stated, kind in ((digest, OriginKind.INTERNAL), ("0" * 64, OriginKind.UNKNOWN)):
        statement = DataStatement(sources=[DataSource(name="elsewhere", sha256=stated)])
        assert find_origin(table, [""] * len(table), statement, None, "test").kind is kind


def test_the_training_part_itself_is_no_news(tmp_path):
    levels, labels = [60, 200] * 6, [0, 1] * 6
    pictures = np.stack([flat(level, index) for index, level in enumerate(levels)])
    np.savez(tmp_path / "x.npz", train_images=pictures, train_labels=np.array(labels))
    table, digests = digests_of(tmp_path / "x.npz")
    seen = SeenImages({"training": frozenset(digests)})
    own = find_origin(table, digests, DataStatement(), seen, "training")
    assert (own.kind, own.training_copies) == (OriginKind.INTERNAL, ())
    assert len(find_origin(table, digests, DataStatement(), seen, "test").training_copies) == 12


def test_the_run_folder_lies_beside_the_model(tmp_path):
    model = tmp_path / "mine.model"
    assert run_folder_of(model) is None
    (tmp_path / "mine.model.run").mkdir()
    assert run_folder_of(str(model)) == tmp_path / "mine.model.run"
    assert run_folder_of("") is None
