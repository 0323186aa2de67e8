"""The run folder: plan, history and environment as files that can be read again."""

import json
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import HounsfieldError  # noqa: E402
from hounsfield.train.history import EpochRecord  # noqa: E402
from hounsfield.train.ledger import Ledger, environment, usable_cores  # noqa: E402
from hounsfield.train.memory import MemoryEstimate  # noqa: E402
from hounsfield.train.plan import Plan  # noqa: E402
from hounsfield.train.ranks import Ranks  # noqa: E402
from tests.train.test_statement import PLAN  # noqa: E402


def test_plan_is_written_and_read_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "m.model.run")
    ledger.open()
    ledger.write_plan(PLAN, "ab", MemoryEstimate(1, 2, 3), "hounsfield train")
    assert ledger.read_plan(Plan) == PLAN
    document = json.loads((ledger.folder / "plan.json").read_text(encoding="utf-8"))
    assert document["plan_digest"] == PLAN.digest()
    assert document["data_digest"] == "ab"
    assert document["memory_estimate_bytes"] == {"images": 1, "weights": 2, "batch": 3, "total": 6}
    assert document["command"] == "hounsfield train"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"plan": {}}', '{"plan": {"name": 5}}', "half a do"])
def test_a_plan_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    assert Ledger(tmp_path).read_plan(Plan) is None


def test_a_folder_without_a_plan_has_none(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "nothing").read_plan(Plan) is None


def test_environment_names_software_machine_and_cores(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run")
    ledger.open()
    written = json.loads((ledger.folder / "environment.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(environment()))
    assert written["cores"] == usable_cores() >= 1
    assert written["software"]["hounsfield"]
    assert os.uname().nodename not in json.dumps(written) or len(os.uname().nodename) < 4


def test_history_and_files_are_written_whole(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run")
    ledger.open()
    ledger.write_history((EpochRecord(1, 1e-3, 0.5, {"accuracy": 0.75}, 0.4, {"auroc": 0.9}, (0.9,), 1.25),))
    assert (ledger.folder / "epochs.csv").read_text(encoding="utf-8").count("\n") == 2
    path = ledger.write_file("x.svg", b"<svg/>")
    assert path.read_bytes() == b"<svg/>"
    assert not list(ledger.folder.glob("*.part"))


def test_opening_twice_keeps_what_is_there(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run")
    ledger.open()
    (ledger.checkpoints / "epoch-000001.json").write_text("{}", encoding="utf-8")
    ledger.open()
    assert (ledger.checkpoints / "epoch-000001.json").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(HounsfieldError) as caught:
        Ledger(tmp_path / "file" / "run").open()
    assert caught.value.code == "E841"
    assert caught.value.next_step()


def test_another_process_of_a_run_reads_and_writes_nothing(tmp_path: Path) -> None:
    first, other = Ledger(tmp_path / "run"), Ledger(tmp_path / "run", Ranks(1, 2))
    other.open()
    other.write_history([])
    other.write_plan(PLAN, "ab", MemoryEstimate(1, 2, 3), "hounsfield train")
    assert other.write_file("report.html", b"x") == tmp_path / "run" / "report.html"
    assert not (tmp_path / "run").exists()
    first.open()
    first.write_plan(PLAN, "ab", MemoryEstimate(1, 2, 3), "hounsfield train")
    (first.checkpoints / "epoch-000001.json").write_text("{}", encoding="utf-8")
    other.forget()
    assert other.read_plan(Plan) == PLAN
    assert list(first.checkpoints.iterdir())
    first.forget()
    assert not list(first.checkpoints.iterdir())
