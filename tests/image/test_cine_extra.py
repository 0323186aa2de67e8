"""Video without the extra ``cine``: a code and the command that installs it."""

import sys
from pathlib import Path

import pytest

from hounsfield.core.study import InstanceRef
from hounsfield.errors import Undecodable
from hounsfield.image.cine import read_cine
from hounsfield.image.limits import PixelLimits


def test_without_the_extra_the_next_step_is_the_install(monkeypatch, tmp_path):
    path = tmp_path / "a.avi"
    path.write_bytes(b"RIFF")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Undecodable) as caught:
        read_cine(InstanceRef("1.2", "", Path(path), "video/avi", "00"), PixelLimits())
    assert caught.value.code == "E322"
    assert "hounsfield[cine]" in caught.value.next_step()
    assert "hounsfield[cine]" in caught.value.next_step("zh")
