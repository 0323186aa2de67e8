"""Runs of several processes: the steps of one, one writer, whole checkpoints, and an end with a cause."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.timeout(900)

from hounsfield.errors import HounsfieldError  # noqa: E402
from hounsfield.train.checkpoint import read_checkpoint  # noqa: E402
from hounsfield.train.ranks import ALONE, Ranks, join  # noqa: E402
from tests.train.rank_process import learn  # noqa: E402


class Batch(NamedTuple):
    images: Any
    names: Any


class Hub:
    """Stands for Lightning: sums what the processes said before, as a ring of gloo would."""

    def __init__(self, others: Sequence[Any] = (), error: str = "") -> None:
        self.others, self.error = list(others), error

    def all_reduce(self, flat: Any, reduce_op: str) -> Any:
        assert reduce_op == "sum"
        if self.error:
            raise RuntimeError(self.error)
        return flat + sum(self.others)

    def broadcast(self, value: object, src: int) -> object:
        assert src == 0
        if self.error:
            raise RuntimeError(self.error)
        return self.others[0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Any]], list[int]]:
    """Two processes that learn, go on, and end: their folder, what each said, and how each ended."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {"WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = []
    for rank in range(2):
        own = {**known, "RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "TORCHELASTIC_RUN_ID": "test"}
        given = {**os.environ, "OMP_NUM_THREADS": "1", **{key: str(value) for key, value in own.items()}}
        command = [sys.executable, "-m", "tests.train.rank_process", str(folder)]
        processes.append(
            subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    said = []
    for process in processes:
        out, err = process.communicate(timeout=800)
        lines = [json.loads(line) for line in out.splitlines() if line[:1] in '{"']
        assert lines, err[-2000:]
        said.append(lines)
    return folder, said, [process.returncode for process in processes]


def test_two_processes_take_the_steps_of_one(two: tuple[Path, list[list[Any]], list[int]], tmp_path: Path) -> None:
    alone = learn("plain", tmp_path)
    first, second = (lines[0]["plain"] for lines in two[1])
    # the sums are the same in another order: a batch of fifteen is cut into seven and eight
    for key in ("losses", "tuning"):
        np.testing.assert_allclose(first[key], alone[key], rtol=1e-5)
    assert first["accuracy"] == pytest.approx(alone["accuracy"])
    assert first["weights"] == pytest.approx(alone["weights"], rel=1e-6)
    assert alone["losses"][-1] < alone["losses"][0]
    assert first == second
    assert [lines[0]["rank"] for lines in two[1]] == [0, 1]


def test_two_processes_go_on_to_the_same_end(two: tuple[Path, list[list[Any]], list[int]]) -> None:
    for lines in two[1]:
        whole, resumed = lines[0]["plain"], lines[0]["resumed"]
        assert (whole["has_state"], resumed["has_state"]) == (False, True)
        assert {**whole, "has_state": True} == resumed


def test_with_batch_normalisation_the_curves_are_near_and_the_processes_the_same(
    two: tuple[Path, list[list[Any]], list[int]], tmp_path: Path
) -> None:
    alone = learn("normalised", tmp_path)
    first, second = (lines[0]["normalised"] for lines in two[1])
    # each process normalises by its own half of a batch
    np.testing.assert_allclose(first["losses"], alone["losses"], rtol=0.02)
    assert first["losses"] != alone["losses"]
    assert first == second


def test_a_process_that_dies_ends_the_other_with_a_cause_and_whole_checkpoints(
    two: tuple[Path, list[list[Any]], list[int]],
) -> None:
    folder, said, codes = two
    assert codes == [3, 7]
    assert [lines[1:] for lines in said] == [["E940"], []]
    found = read_checkpoint(folder / "torn")
    assert found is not None
    assert found.progress.epochs_done == 1
    assert not list(folder.rglob("*.part"))


def test_one_process_does_without_lightning() -> None:
    code = "import sys, hounsfield.train.run; hounsfield.train.run.join(); print('lightning' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("total", "count"), [(15, 2), (16, 4), (7, 7), (5, 3)])
def test_every_image_is_one_processes_own(total: int, count: int) -> None:
    batch = Batch(torch.arange(total), tuple(range(total)))
    parts = [Ranks(rank, count).own(batch) for rank in range(count)]
    assert torch.equal(torch.cat([part.images for part, _ in parts]), batch.images)
    assert sum((part.names for part, _ in parts), ()) == batch.names
    assert all(isinstance(part, Batch) for part, _ in parts)
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert all(share == pytest.approx(len(part.names) / total) for part, share in parts)
    plain, _ = Ranks(0, count).own((batch.images, batch.names))
    assert type(plain) is tuple


def test_a_batch_smaller_than_the_processes_is_refused() -> None:
    with pytest.raises(HounsfieldError, match="E941") as caught:
        Ranks(0, 4).own((torch.zeros(3, 1),))
    assert "--batch-size" in caught.value.next_step()


def test_gradients_and_statistics_are_means_by_images() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1, bias=False), torch.nn.BatchNorm2d(2))
    for item in network.parameters():
        item.grad = torch.full_like(item, 3.0)
    network[1].running_mean.fill_(1.0)
    # six floats of gradients, four of statistics, from the process with the other quarter
    other = torch.cat([torch.full((6,), 7.0), torch.full((4,), 5.0)]) * 0.25
    Ranks(0, 2, Hub([other])).average(network, 0.75)
    assert all(torch.allclose(item.grad, torch.full_like(item, 3 * 0.75 + 7 * 0.25)) for item in network.parameters())
    assert torch.allclose(network[1].running_mean, torch.tensor(1 * 0.75 + 5 * 0.25))
    assert int(network[1].num_batches_tracked) == 0


def test_figures_are_those_of_the_whole_batch() -> None:
    hub = Hub([torch.tensor([4.0, 1.0], dtype=torch.float64) * 0.5])
    loss, named = Ranks(0, 2, hub).figures(torch.tensor(2.0), {"accuracy": 0.5}, 0.5)
    assert float(loss) == 3.0
    assert named == {"accuracy": 0.75}


@pytest.mark.parametrize("what", ["average", "figures", "told"])
def test_a_broken_connection_is_said_with_its_code(what: str) -> None:
    ranks = Ranks(1, 2, Hub(error="Connection closed by peer"))
    network = torch.nn.Linear(2, 1)
    network(torch.zeros(1, 2)).sum().backward()
    calls = {
        "average": lambda: ranks.average(network, 0.5),
        "figures": lambda: ranks.figures(torch.tensor(1.0), {}, 0.5),
        "told": lambda: ranks.told(1),
    }
    with pytest.raises(HounsfieldError, match="E940"):
        calls[what]()


def test_one_process_says_nothing_to_others() -> None:
    batch = (torch.zeros(3),)
    assert ALONE.own(batch) == (batch, 1.0)
    assert ALONE.told("x") == "x"
    assert ALONE.figures(torch.tensor(1.0), {"a": 2.0}, 1.0) == (torch.tensor(1.0), {"a": 2.0})
    assert join() is ALONE
    assert ALONE.place == ()
    assert Ranks(2, 3).place == (2,)
    assert Ranks(2, 3, Hub(["first"])).told("third") == "first"
