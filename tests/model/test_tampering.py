"""Packages that were changed: by bytes, by other zip tools, in their manifest, in their names; and good ones."""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import stat
import struct
import subprocess
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hounsfield.core.codes import PRIVATE_SCHEME
from hounsfield.errors import HounsfieldError, ManifestMismatch, ModelError, WeightsMismatch
from hounsfield.model.container import PART_LIMITS, PARTS, pack, read_manifest_part, read_parts, sums_of
from hounsfield.model.manifest import Manifest, read_manifest
from hounsfield.model.package import open_package, unpack_package, write_package
from hounsfield.model.predictor import Predictor
from hounsfield.model.registry import find_model, list_models
from tests.model import toys


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the bytes of a good package."""
    path = tmp_path_factory.mktemp("good") / "toy.model"
    write_package(path, toys.manifest(), toys.mean_network())
    return path.read_bytes()


@pytest.fixture
def folder(whole, tmp_path):
    path = tmp_path / "good.model"
    path.write_bytes(whole)
    unpack_package(open_package(path), tmp_path / "parts")
    return tmp_path / "parts"


def regions(raw: bytes) -> dict[str, tuple[int, int]]:
    """Return where each header, each member, the directory, the end record and the comment lie, by PKWARE's APPNOTE."""
    found = {}
    end = raw.rindex(b"PK\x05\x06")
    directory = struct.unpack_from("<L", raw, end + 16)[0]
    position = 0
    while position < directory:
        size, name_length, extra = (
            struct.unpack_from("<L", raw, position + 18)[0],
            *struct.unpack_from("<HH", raw, position + 26),
        )
        name = raw[position + 30 : position + 30 + name_length].decode()
        start = position + 30 + name_length + extra
        found[f"header of {name}"] = (position, start)
        found[name] = (start, start + size)
        position = start + size
    return {**found, "directory": (directory, end), "end": (end, end + 22), "comment": (end + 22, len(raw))}


def test_the_regions_are_the_whole_file(whole):
    spans = sorted(regions(whole).values())
    assert spans[0][0] == 0
    assert spans[-1][1] == len(whole)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(spans))
    assert len(spans) == 2 * len(PARTS) + 3


@pytest.mark.parametrize(
    "region",
    [*(f"header of {name}" for name in PARTS), *PARTS, "directory", "end", "comment"],
)
def test_one_flipped_bit_in_any_region_is_found(whole, region, tmp_path):
    """Every byte of the small regions, and forty of each member, with one bit turned."""
    start, stop = regions(whole)[region]
    chance = np.random.default_rng(start)
    places = range(start, stop) if stop - start <= 60 else chance.integers(start, stop, 40).tolist()
    path = tmp_path / "x.model"
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(chance.integers(0, 8))
        path.write_bytes(changed)
        with pytest.raises(ModelError) as caught:
            open_package(path)
        assert caught.value.code in ("E502", "E503", "E504", "E505")
        assert caught.value.text("zh") != caught.value.text("en")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.integers(0, 400))
def test_random_bytes_and_random_heads_end_in_a_code(tmp_path, noise, keep):
    path = tmp_path / "noise.model"
    good = pack({"manifest.json": b"{}", "network.onnx": b"x", "card.md": b"y"})
    for raw in (noise, good[:keep] + noise, noise + good[keep:]):
        path.write_bytes(raw)
        with pytest.raises(HounsfieldError):
            open_package(path)


@pytest.fixture
def zip_program():
    found = shutil.which("zip")
    if found is None:
        pytest.skip("Info-ZIP's zip program is not here")
    return found


def test_the_zip_program_makes_a_package_that_opens(folder, zip_program, tmp_path):
    """Info-ZIP stores, deflates, adds extra fields and streams with data descriptors: the digests settle it."""
    expected = open_package(tmp_path / "good.model")
    for name, options in {"deflated": ["-9"], "stored": ["-0"], "plain": ["-X"]}.items():
        target = tmp_path / f"{name}.model"
        subprocess.run([zip_program, "-q", *options, target, *PARTS], cwd=folder, check=True)
        assert open_package(target) == expected
    target = tmp_path / "streamed.model"
    with target.open("wb") as stream:
        subprocess.run([zip_program, "-q", "-", *PARTS], cwd=folder, check=True, stdout=stream)
    assert open_package(target) == expected


def test_the_zip_program_with_a_folder_inside_is_no_package(folder, zip_program, tmp_path):
    subprocess.run([zip_program, "-qr", tmp_path / "deep.model", folder.name], cwd=tmp_path, check=True)
    with pytest.raises(ModelError) as caught:
        open_package(tmp_path / "deep.model")
    assert caught.value.code == "E502"
    assert "5 members" in caught.value.text()


@pytest.mark.parametrize(("method", "is_taken"), [(0, True), (8, True), (12, False), (14, False)])
def test_methods_of_compression(folder, tmp_path, method, is_taken):
    """Bzip2 and LZMA hide bombs better than a ratio can tell, and no tool needs them here."""
    target = tmp_path / "x.model"
    with zipfile.ZipFile(target, "w", method) as archive:
        for name in PARTS:
            archive.write(folder / name, name)
    if is_taken:
        assert open_package(target).manifest.name == "toy"
    else:
        with pytest.raises(ModelError) as caught:
            open_package(target)
        assert caught.value.code == "E502"


def rezip(folder, target, **changes):
    """Zip the parts of a folder with some of them replaced, with right sums unless they are given."""
    parts = {name: (folder / name).read_bytes() for name in PARTS} | {
        name.replace("_", "."): value for name, value in changes.items() if name != "SHA256SUMS"
    }
    parts["SHA256SUMS"] = changes.get("SHA256SUMS", sums_of(parts))
    with zipfile.ZipFile(target, "w") as archive:
        for name in PARTS:
            archive.writestr(name, parts[name])
    return target


def with_parts(manifest: dict, folder, **changes) -> bytes:
    """Return a manifest whose digests are those of the parts."""
    parts = {}
    for name in ("network.onnx", "card.md"):
        raw = changes.get(name, (folder / name).read_bytes())
        parts[name] = {"sha256": hashlib.sha256(raw).hexdigest(), "size_bytes": len(raw)}
    return json.dumps({**manifest, "parts": parts}, ensure_ascii=False).encode()


@pytest.fixture
def entries(folder):
    return json.loads((folder / "manifest.json").read_bytes())


def test_a_rewritten_manifest_with_right_sums_opens(folder, entries, tmp_path):
    """The digests protect against damage; who writes all of them anew has made another package."""
    target = rezip(folder, tmp_path / "x.model", manifest_json=with_parts({**entries, "version": "9.9.9"}, folder))
    assert open_package(target).identity.version == "9.9.9"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"name": "toy", "name": "tox"}',
        b"[]",
        b"null",
        b'"manifest"',
        b"NaN",
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"a":' * 3000 + b"1" + b"}" * 3000,
    ],
    ids=["twice", "list", "null", "text", "NaN", "empty", "bytes", "deep", "digits", "nested"],
)
def test_manifests_that_are_none(folder, tmp_path, raw):
    with pytest.raises(ManifestMismatch) as caught:
        open_package(rezip(folder, tmp_path / "x.model", manifest_json=raw))
    assert caught.value.code == "E503"
    assert len(caught.value.text()) < 1000


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"', '{"a": {"b": NaN}}'])
@pytest.mark.parametrize("place", ["threshold", "temperature", "step"])
def test_numbers_and_letters_that_json_has_no_word_for(folder, entries, place, value):
    """In a threshold, in the calibration, and in a preparing step, where any JSON value could stand."""
    marked = dict(entries)
    if place == "threshold":
        marked["classes"] = json.loads(json.dumps(entries["classes"]).replace("0.4", '"MARK"'))
    elif place == "temperature":
        marked["calibration"] = {"temperature": "MARK"}
    else:
        marked["prepare"] = [{"step": "window", "center": "MARK", "width": 1}]
    raw = with_parts(marked, folder).replace(b'"MARK"', value.encode())
    with pytest.raises(ManifestMismatch) as caught:
        read_manifest(raw)
    assert caught.value.code == "E503"


def test_a_key_that_comes_twice_deep_inside_is_found(folder, entries):
    raw = with_parts(entries, folder).replace(b'"is_finding": false', b'"is_finding": true, "is_finding": false')
    with pytest.raises(ManifestMismatch) as caught:
        read_manifest(raw)
    assert "twice" in caught.value.text()


def test_a_huge_manifest_is_refused_by_its_size_alone(folder, tmp_path):
    limit = PART_LIMITS["manifest.json"]
    target = rezip(folder, tmp_path / "x.model", manifest_json=b" " * (limit + 1))
    for read in (open_package, read_manifest_part):
        with pytest.raises(ModelError) as caught:
            read(target)
        assert caught.value.code == "E502"
    (folder / "manifest.json").write_bytes(b" " * (limit + 1))
    with pytest.raises(ModelError) as caught:
        open_package(folder)
    assert caught.value.code == "E502"


@pytest.mark.parametrize(
    "sums",
    [
        b"",
        b"\n",
        b"0" * 64 + b"  manifest.json\n",
        b"x" * 64 + b"  manifest.json\n" + b"0" * 64 + b"  network.onnx\n" + b"0" * 64 + b"  card.md\n",
    ],
)
def test_sums_of_another_form(folder, tmp_path, sums):
    with pytest.raises(ManifestMismatch):
        open_package(rezip(folder, tmp_path / "x.model", SHA256SUMS=sums))


def test_the_sums_are_those_of_sha256sum(folder, debian_tool):
    done = subprocess.run(
        [debian_tool("sha256sum", "coreutils"), "-c", "SHA256SUMS"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == ["manifest.json: OK", "network.onnx: OK", "card.md: OK"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a file", "link to nothing", "link to itself"])
def test_parts_that_are_no_plain_files(folder, tmp_path, kind):
    """A pipe would wait for ever, a link could lead anywhere."""
    part = folder / "card.md"
    content = part.read_bytes()
    part.unlink()
    if kind == "pipe":
        os.mkfifo(part)
    elif kind == "folder":
        part.mkdir()
    else:
        target = {"link to a file": tmp_path / "real.md", "link to nothing": tmp_path / "no", "link to itself": part}
        (tmp_path / "real.md").write_bytes(content)
        part.symlink_to(target[kind])
    with pytest.raises(ModelError) as caught:
        open_package(folder)
    assert caught.value.code == "E502"


def test_a_link_to_a_package_is_not_followed(whole, tmp_path):
    (tmp_path / "real.model").write_bytes(whole)
    (tmp_path / "link.model").symlink_to(tmp_path / "real.model")
    with pytest.raises(ModelError) as caught:
        open_package(tmp_path / "link.model")
    assert stat.filemode(os.lstat(tmp_path / "link.model").st_mode) in caught.value.text()


def test_a_writable_package_read_twice_is_read_from_its_bytes(whole, tmp_path):
    """What was opened stays what it was when the file changes under it."""
    path = tmp_path / "x.model"
    path.write_bytes(whole)
    package = open_package(path)
    path.write_bytes(b"gone")
    image = np.full((1, toys.ROWS, toys.COLUMNS), 0.75, dtype=np.float32)
    logits = Predictor(package).run(image[None])["logits"]
    assert logits[0].tolist() == pytest.approx([-2.0, 2.0], abs=1e-5)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "", "..", "no/such/place.model", "ünïcode", "正常"])
def test_names_that_lead_nowhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as caught:
        find_model(name, [tmp_path])
    assert caught.value.code == "E501"
    assert len(caught.value.text()) < 400


def test_a_listing_survives_whatever_lies_in_the_folder(whole, folder, tmp_path):
    place = tmp_path / "models"
    place.mkdir()
    (place / "good.model").write_bytes(whole)
    (place / "cut.model").write_bytes(whole[:-100])
    (place / "text.model").write_text("a poem", encoding="utf-8")
    (place / "empty.model").touch()
    (place / "folder.model").mkdir()
    os.mkfifo(place / "pipe.model")
    (place / "loop.model").symlink_to(place / "loop.model")
    shutil.copytree(folder, place / "unpacked")
    listed = {summary.path.name: summary for summary in list_models([place]) if not summary.is_starter}
    assert listed["good.model"].name == "toy"
    for name in ("cut.model", "text.model", "empty.model"):
        assert listed[name].error is not None
        assert listed[name].manifest is None
    assert "pipe.model" not in listed or listed["pipe.model"].error is not None


NAMES = ["正常", "肺炎", "Ménière’s disease", "سليم", "HER2+", "HER2-", "1.5 T", "a_b", "a,b;c", "ß", "Å", "🫁"]


def test_class_names_in_any_script_stay_themselves(tmp_path):
    """Twelve names through manifest, package, card, prediction and schema; codes are letters that DICOM allows."""
    nodes, stored = toys.mean_nodes(weights=tuple(range(12)), bias=(0.0,) * 12)
    network = toys.model_of(nodes, [("logits", ["batch", 12])], stored).SerializeToString()
    package = toys.package(tmp_path, network, classes=[{"name": name} for name in NAMES])
    assert [entry.name for entry in package.manifest.classes] == NAMES
    for entry in package.manifest.predicted_classes:
        if entry.concept.scheme == PRIVATE_SCHEME:
            assert entry.concept.value.isascii()
            assert 1 <= len(entry.concept.value) <= 16
            assert entry.concept.meaning == entry.name
    for name in NAMES:
        assert name in package.card
    assert open_package(tmp_path / "toy.model") == package


@pytest.mark.parametrize("name", ["", " lead", "a\nb", "a\tb", "a\0", "<b>", "x" * 65, "\x7f", "a\x1b[31m", "\ud800"])
def test_class_names_that_no_screen_should_get(name):
    with pytest.raises(ManifestMismatch):
        read_manifest(json.dumps(toys.settings(classes=[{"name": name}, {"name": "other"}])).encode())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_manifest_with_one_entry_replaced_is_valid_or_e503(data):
    """Whatever JSON stands in whatever place: a Manifest that reads back unchanged, or one code."""
    entries = json.loads(toys.manifest().to_json())
    scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=12))
    value = data.draw(st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4))
    place = entries
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    found = []
    with contextlib.suppress(ManifestMismatch):
        found.append(read_manifest(json.dumps(entries).encode()))
    for manifest in found:
        assert read_manifest(manifest.to_json()) == manifest
        assert Manifest.model_validate(manifest.model_dump()) == manifest


def test_reading_parts_gives_what_was_packed(tmp_path):
    parts = {"manifest.json": b"{}", "network.onnx": os.urandom(5000), "card.md": "卡".encode()}
    path = tmp_path / "x.model"
    path.write_bytes(pack(parts))
    found = read_parts(path)
    assert {name: found[name] for name in parts} == parts
    assert path.read_bytes() == pack(parts)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    path.write_bytes(path.read_bytes().replace(b"{}", b"[]", 1))
    with pytest.raises(WeightsMismatch):
        read_parts(path)
