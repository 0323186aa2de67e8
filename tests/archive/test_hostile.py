"""B1: mutated files end in a documented refusal or in studies, within bounded memory and time."""

import subprocess
import sys
import tempfile
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hounsfield.archive.limits import MIB
from hounsfield.archive.local import open_source
from hounsfield.errors import ArchiveError
from hounsfield.messages import catalogue
from tests.archive.samples import PYDICOM_DATA, ct_dataset, element, encode, part10, write_zip
from tests.archive.test_directory import directory_file

SEEDS = [
    (PYDICOM_DATA / "test_files" / name).read_bytes()
    for name in (
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "SC_rgb_rle_2frame.dcm",
        "test-SR.dcm",
        "image_dfl.dcm",
        "rtstruct.dcm",
        "UN_sequence.dcm",
        "nested_priv_SQ.dcm",
        "ExplVR_LitEndNoMeta.dcm",
    )
] + [directory_file(b"A\\B ", b"C ")]


def zip_seed():
    with tempfile.TemporaryDirectory() as folder:
        return write_zip(Path(folder) / "a.zip", {"a": encode(ct_dataset()), "b/c": b"text"}).read_bytes()


SEEDS.append(zip_seed())
MUTATIONS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["set", "cut", "insert", "repeat", "length"]),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def mutate(content, mutations):
    """Change bytes at shares of the length; half of them in the first kilobyte, where the structure is."""
    for share, kind, value in mutations:
        place = int(share * min(len(content), 1500 if value[0] & 1 else len(content)))
        if kind == "set":
            content = content[:place] + value + content[place + len(value) :]
        elif kind == "cut":
            content = content[:place] if value[0] & 2 else content[:place] + content[place + len(value) :]
        elif kind == "insert":
            content = content[:place] + value + content[place:]
        elif kind == "repeat":
            content = content[:place] + content[place : place + 64] * (value[0] % 8) + content[place:]
        else:
            content = content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :]
    return content


@settings(max_examples=400, deadline=5000, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.sampled_from(SEEDS), mutations=MUTATIONS)
def test_mutated_files_are_taken_or_refused(tmp_path_factory, seed, mutations):
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(mutate(seed, mutations))
    try:
        with open_source(path) as archive:
            assert archive.studies
            errors = [item.error for item in archive.refused]
            assert all(issue.code in catalogue() and issue.next_step("zh") for issue in archive.issues)
    except ArchiveError as error:
        errors = [error]
    for error in errors:
        assert error.code in catalogue()
        assert "?" not in error.text("en"), error


@settings(max_examples=200, deadline=5000, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=400))
def test_random_data_sets_are_taken_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(part10(element(8, 5, "CS", b"ISO_IR 100") + content))
    with suppress(ArchiveError), open_source(path) as archive:
        assert archive.studies


@pytest.mark.parametrize("transfer_syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"])
def test_pixels_are_never_held(tmp_path, transfer_syntax):
    path = tmp_path / "large"
    dataset = ct_dataset(rows=4096, columns=4096)
    path.write_bytes(encode(dataset, transfer_syntax))
    del dataset
    tracemalloc.start()
    try:
        with open_source(path) as archive:
            assert archive.studies
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * MIB


HOSTILE = """
import resource, sys
from pathlib import Path
from hounsfield.archive.local import open_source
from hounsfield.errors import HounsfieldError
import hounsfield.archive.header, pydicom._dicom_dict, pydicom._uid_dict
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
for name in sys.argv[2:]:
    try:
        with open_source(Path(name)) as archive:
            print("taken", len(archive.studies))
    except HounsfieldError as error:
        print(error.code)
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def test_hostile_files_in_half_a_gigabyte(tmp_path):
    nested = b""
    for _ in range(3000):
        nested = element(8, 0x1115, "SQ", b"\xfe\xff\x00\xe0" + len(nested).to_bytes(4, "little") + nested)
    many = element(8, 0x1115, "SQ", b"\xfe\xff\x00\xe0\0\0\0\0" * 100_000)
    large = ct_dataset()
    large.Rows = large.Columns = 65535
    large.NumberOfFrames = 2_000_000_000
    files = {
        "nested": part10(nested),
        "many": part10(many),
        "declared": part10(element(0x7FE0, 0x10, "OB", b"abc", 4_294_967_294)),
        "large": encode(large),
        "sparse": part10(element(8, 0x60, "CS", b"CT")),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "sparse").open("r+b") as file:
        file.truncate(256 * MIB)
    write_zip(tmp_path / "bomb", {"a": bytes(80 * MIB)})
    names = [str(tmp_path / name) for name in (*files, "bomb")]
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(512 * MIB), *names],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *said, peak_kilobytes = done.stdout.split("\n")[:-1]
    assert said == ["E112", "taken 1", "E111", "E117", "taken 1", "E137"]
    assert int(peak_kilobytes) < 512 * 1024
