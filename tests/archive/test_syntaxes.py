"""One series whose files came in different encodings is one series, and becomes one volume."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hounsfield.archive.local import open_source
from hounsfield.image.assemble import assemble
from hounsfield.image.phantoms import BodyPhantom, pose_geometry, write_ct

Tool = Callable[[str, str], Path]
COMMANDS: dict[str, list[str]] = {
    "implicit": ["dcmconv", "+ti"],
    "big endian": ["dcmconv", "+tb"],
    "deflated": ["dcmconv", "+td"],
    "bare data set": ["dcmconv", "-F", "+ti"],
    "bare big endian": ["dcmconv", "-F", "+tb"],
    "RLE": ["dcmcrle"],
    "JPEG lossless": ["dcmcjpeg"],
    "JPEG-LS": ["dcmcjpls"],
}
BODY = BodyPhantom(pose_geometry((8, 24, 22), (9.0, 6.0, 7.0)))


@pytest.mark.filterwarnings("ignore")
def test_every_file_in_another_encoding(tmp_path: Path, debian_tool: Tool) -> None:
    paths = write_ct(tmp_path / "plain", BODY)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for path, command in zip(paths, COMMANDS.values(), strict=True):
        subprocess.run([debian_tool(command[0], "dcmtk"), *command[1:], path, mixed / path.name], check=True)
    with open_source(mixed) as archive:
        assert archive.refused == ()
        (study,) = archive.studies
        (series,) = study.series
        (volume,) = assemble(series).volumes
    np.testing.assert_array_equal(volume.array, BODY.hounsfield())
    assert len({instance.transfer_syntax_uid for instance in series.instances}) >= 6


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMMANDS)
def test_header_is_the_same_in_every_encoding(tmp_path: Path, debian_tool: Tool, name: str) -> None:
    path = write_ct(tmp_path / "plain", BODY)[0]
    target = tmp_path / "converted" / "a"
    target.parent.mkdir()
    command = COMMANDS[name]
    subprocess.run([debian_tool(command[0], "dcmtk"), *command[1:], path, target], check=True)
    found = []
    for source in (path, target):
        with open_source(source) as archive:
            (study,) = archive.studies
            (series,) = study.series
            (instance,) = series.instances
            found.append(
                (study.study_instance_uid, series.series_instance_uid, series.modality, instance.sop_class_uid)
            )
            assert instance.sop_instance_uid
    assert found[0] == found[1]
