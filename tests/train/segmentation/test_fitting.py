"""Where memory is short, a segmentation is planned with fewer and smaller patches, and says why."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from hounsfield.train import fitting
from hounsfield.train.events import TrainEvent, silent
from hounsfield.train.options import TrainOptions
from hounsfield.train.recipe import Recipe
from hounsfield.train.segmentation.setup import MaskOutline, outline_masks
from tests.train.segmentation import discs


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return discs.write_pairs(tmp_path_factory.mktemp("fitting") / "data", 8)


def outline(
    monkeypatch: pytest.MonkeyPatch, data: Path, free: int | None, recipe: Recipe | None = None, talk: object = silent
) -> MaskOutline:
    monkeypatch.setattr(fitting, "available_memory", lambda: free)
    return outline_masks(data, TrainOptions(), recipe or Recipe(), 1, talk)  # type: ignore[arg-type]


def test_a_run_that_does_not_fit_gets_smaller_batches_and_says_so(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    whole = outline(monkeypatch, data, None)
    assert whole.plan.learning.batch_size == 8
    needed = whole.memory.total_bytes
    said: list[TrainEvent] = []
    half = outline(monkeypatch, data, needed - 1, talk=said.append)
    assert half.plan.learning.batch_size == 4
    assert half.memory.total_bytes < needed
    assert [event for event in said if event.key == f"{fitting.KEY}-patches"]
    (reason,) = [item for item in half.plan.reasons if item.key.startswith(fitting.KEY)]
    assert (reason.facts["batch_before"], reason.facts["batch_size"]) == (8, 4)
    least = outline(monkeypatch, data, 1)
    assert least.plan.learning.batch_size == 2


def test_a_batch_that_the_recipe_names_stays(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    asked = Recipe(learning={"batch_size": 8}, network={"size": 32})
    found = outline(monkeypatch, data, 1, asked)
    assert found.plan.learning.batch_size == 8
    assert not [item for item in found.plan.reasons if item.key.startswith(fitting.KEY)]
