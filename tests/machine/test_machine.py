"""What is left is what the machine and the control group both give, without what they hold of files."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.errors import Undecodable
from hounsfield.image import limits, phantoms
from hounsfield.image.assemble import assemble
from hounsfield.image.limits import WATCHED_BYTES, PixelLimits
from hounsfield.machine import available_memory
from tests.image.helpers import series_of


def machine(folder: Path, available_kb: int) -> Path:
    folder.mkdir()
    lines = ("MemTotal: 4096 kB", f"MemAvailable:    {available_kb} kB", "HugePages_Total:       0")
    (folder / "meminfo").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def group(folder: Path, limit: str, used: int, stat: str = "") -> Path:
    folder.mkdir()
    (folder / "memory.max").write_text(limit + "\n", encoding="utf-8")
    (folder / "memory.current").write_text(f"{used}\n", encoding="utf-8")
    if stat:
        (folder / "memory.stat").write_text(stat, encoding="utf-8")
    return folder


def test_the_lesser_of_machine_and_group(tmp_path: Path):
    proc = machine(tmp_path / "proc", 2048)
    assert available_memory(proc, tmp_path / "none") == 2048 * 1024
    assert available_memory(proc, group(tmp_path / "small", "1000000", 400_000)) == 600_000
    assert available_memory(proc, group(tmp_path / "large", "9000000", 400_000)) == 2048 * 1024
    assert available_memory(proc, group(tmp_path / "free", "max", 400_000)) == 2048 * 1024
    assert available_memory(tmp_path / "none", tmp_path / "free") is None
    assert available_memory(tmp_path / "none", tmp_path / "none") is None


def test_files_that_the_group_holds_are_given_back_when_needed(tmp_path: Path):
    stat = "anon 300000\nfile 600000\ninactive_file 450000\nactive_file 100000\nunevictable 0\n"
    proc = machine(tmp_path / "proc", 2048)
    assert available_memory(proc, group(tmp_path / "group", "1000000", 950_000, stat)) == 600_000


def test_a_group_beyond_its_limit_has_nothing_left(tmp_path: Path):
    assert available_memory(tmp_path / "none", group(tmp_path / "group", "1000", 5000)) == 0


def test_what_is_not_what_it_should_be_is_not_known(tmp_path: Path):
    (tmp_path / "meminfo").write_text("MemTotal: 4096 kB\n", encoding="utf-8")
    assert available_memory(tmp_path, group(tmp_path / "group", "much", 1)) is None
    (tmp_path / "group" / "memory.current").write_text("?", encoding="utf-8")
    assert available_memory(tmp_path, tmp_path / "group") is None


def test_this_machine_has_some():
    found = available_memory()
    assert found is None or found > 2**20


def test_an_image_that_the_machine_has_no_room_for_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "available_memory", lambda: WATCHED_BYTES + 10)
    PixelLimits().require_samples((WATCHED_BYTES,), 1)
    with pytest.raises(Undecodable, match="E339") as found:
        PixelLimits().require_samples((WATCHED_BYTES // 2, 3), 1)
    assert found.value.facts == {"found": 96, "expected": 64}
    monkeypatch.setattr(limits, "available_memory", lambda: None)
    PixelLimits().require_samples((WATCHED_BYTES // 2, 3), 1)


def test_small_images_ask_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def asked() -> int:
        raise AssertionError("asked")

    monkeypatch.setattr(limits, "available_memory", asked)
    phantoms.write_ct(tmp_path)
    assert assemble(series_of(sorted(tmp_path.iterdir()))).volumes[0].array.dtype == np.int16
