"""A search repeats itself, shares its store, ends hopeless trials, and leaves a recipe that training obeys."""

import json
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
optuna = pytest.importorskip("optuna")

from hounsfield.cli import main  # noqa: E402
from hounsfield.errors import HounsfieldError, SettingsError  # noqa: E402
from hounsfield.train import tune as module  # noqa: E402
from hounsfield.train.augment import Affine  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint  # noqa: E402
from hounsfield.train.foresight import foresee  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.parts import Parts  # noqa: E402
from hounsfield.train.recipe import Recipe, read_recipe  # noqa: E402
from hounsfield.train.space import Ground, make_space, recipe_of  # noqa: E402
from hounsfield.train.trials import TuneOptions, TuneResult  # noqa: E402
from hounsfield.train.tune import tune  # noqa: E402
from hounsfield.train.tune_page import recipe_toml, tuning_page  # noqa: E402
from tests.train.tiny import write_npz  # noqa: E402

QUICK = TrainOptions(epochs=2, threads=1, seed=4)


def search(folder: Path, name: str = "best.toml", **options: Any) -> TuneResult:
    data = folder / "data"
    if not data.exists():
        write_npz(data, test=20)
    wanted = {"train": QUICK, "trials": 3, "networks": ("article", "lenet"), **options}
    return tune(data, folder / name, TuneOptions(**wanted))


def without_names(recipe: Path) -> str:
    return "\n".join(line for line in recipe.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))


def test_the_same_seed_searches_alike_and_begins_with_the_plan(tmp_path: Path) -> None:
    first, second = search(tmp_path), search(tmp_path, "again.toml")
    assert [(trial.choice, trial.score, trial.state) for trial in first.trials] == [
        (trial.choice, trial.score, trial.state) for trial in second.trials
    ]
    assert without_names(first.recipe) == without_names(second.recipe)
    plan = foresee(tmp_path / "data", QUICK).plan
    assert first.trials[0].choice["network"] == plan.network.name
    assert first.trials[0].choice["learning_rate"] == plan.learning.learning_rate
    assert first.trials[0].choice["augmentation"] == "plan"
    assert first.best.score == max(trial.score for trial in first.trials if trial.state == "complete")


def test_training_with_the_recipe_obeys_the_plan_of_the_best_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Any] = []
    way = module.Classification
    monkeypatch.setattr(module, "Classification", lambda plan, parts: (plans.append(plan), way(plan, parts))[1])
    result = search(tmp_path)
    again = foresee(tmp_path / "data", TrainOptions(recipe=result.recipe, threads=1)).plan
    best = plans[result.trials.index(result.best)]
    assert again.model_dump(exclude={"reasons", "name", "time_limit_seconds"}) == best.model_dump(
        exclude={"reasons", "name", "time_limit_seconds"}
    )


def test_the_test_part_is_never_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    gather = module.gather_parts

    def watch(table: Any, examination: Any, chosen: dict[str, Any], *rest: Any) -> Parts:
        seen.append(set(chosen))
        return gather(table, examination, chosen, *rest)

    monkeypatch.setattr(module, "gather_parts", watch)
    search(tmp_path, trials=1)
    assert seen == [{"training", "tuning"}]


def test_trials_that_fall_behind_are_ended_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hard(optuna.pruners.BasePruner):  # type: ignore[misc]
        def prune(self, study: object, trial: Any) -> bool:
            return bool(trial.number)

    monkeypatch.setattr(optuna.pruners, "MedianPruner", lambda **_: Hard())
    result = search(tmp_path)
    assert [(trial.state, trial.epochs) for trial in result.trials] == [("complete", 2), ("pruned", 1), ("pruned", 1)]
    assert result.best.number == 0


def test_a_search_goes_on_where_it_ended(tmp_path: Path) -> None:
    first = search(tmp_path, trials=2)
    more = search(tmp_path, trials=4)
    assert more.trials[:2] == first.trials
    assert [trial.number for trial in more.trials] == [0, 1, 2, 3]
    assert search(tmp_path, trials=4).trials == more.trials


def test_other_data_are_another_search_in_the_same_store(tmp_path: Path) -> None:
    store = tmp_path / "shared"
    search(tmp_path, trials=2, store=store)
    (tmp_path / "other").mkdir()
    write_npz(tmp_path / "other" / "data", training=80, test=20)
    assert [trial.number for trial in search(tmp_path / "other", trials=1, store=store).trials] == [0]


def test_two_processes_share_one_search(tmp_path: Path) -> None:
    write_npz(tmp_path / "data", test=20)
    words = ["--trials", "4", "--epochs", "1", "--threads", "1", "--networks", "lenet", "--quiet", "--json"]
    words += ["--store", str(tmp_path / "store")]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "hounsfield", "tune", str(tmp_path / "data"), "-o", str(tmp_path / name), *words],
            stdout=subprocess.PIPE,
        )
        for name in ("a.toml", "b.toml")
    ]
    answers = [json.loads(process.communicate(timeout=240)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    last = max(answers, key=lambda answer: sum(trial["state"] == "complete" for trial in answer["trials"]))
    numbers = [trial["number"] for trial in last["trials"]]
    assert numbers == sorted(set(numbers))
    assert 4 <= len(numbers) <= 5  # both may see room for the last one


def test_time_that_is_up_is_said(tmp_path: Path) -> None:
    with pytest.raises(HounsfieldError) as caught:
        search(tmp_path, time_limit_seconds=1e-6)
    assert caught.value.code == "E825"
    assert not (tmp_path / "best.toml").exists()


@pytest.mark.parametrize("kind", ["folder", "no folder", "picture"])
def test_a_store_that_is_none_is_refused(tmp_path: Path, kind: str) -> None:
    store = tmp_path / "store" if kind != "no folder" else tmp_path / "nowhere" / "store"
    if kind == "folder":
        store.mkdir()
    elif kind == "picture":
        store.write_bytes(b"\x89PNG\r\n\x1a\n" * 40)
    with pytest.raises(SettingsError) as caught:
        search(tmp_path, store=store)
    assert caught.value.code == "E826"


def ground_of(side: int, **options: Any) -> Ground:
    found = Fingerprint(400, (200, 200), side, True, **{"names_sides": False, **options.pop("found", {})})
    return Ground(TrainOptions(**options), Recipe(), found, ("a", "b"), 1)


def test_networks_that_cannot_take_the_images_are_left_out() -> None:
    ground = ground_of(28)
    plan = ground.plan_of(Recipe())
    assert make_space(ground, plan, 400, ("alexnet", "lenet")).networks == ("lenet",)
    assert make_space(ground, plan, 400, ("alexnet",)).networks == (plan.network.name,)
    assert plan.network.name in make_space(ground, plan, 400, ()).networks
    fixed = ground_of(28, network="lenet")
    assert make_space(fixed, fixed.plan_of(Recipe(network={"name": "lenet"})), 400, ()).networks == ("lenet",)


def test_the_first_choice_is_one_of_the_space() -> None:
    ground = ground_of(28)
    space = make_space(ground, ground.plan_of(Recipe()), 400, ("lenet",))
    first = space.first()
    assert first["network"] in space.networks
    assert first["batch_size"] in space.batch_sizes


def test_batches_are_small_enough_for_eight_an_epoch() -> None:
    ground = ground_of(28)
    assert make_space(ground, ground.plan_of(Recipe()), 300, ()).batch_sizes == (8, 16, 32)
    assert make_space(ground, ground.plan_of(Recipe()), 20, ()).batch_sizes == (8,)


@pytest.mark.parametrize("name", ["gentle", "strong", "plan"])
def test_what_may_not_be_flipped_is_never_flipped(name: str) -> None:
    ground = ground_of(28, found={"names_sides": True})
    space = make_space(ground, ground.plan_of(Recipe()), 400, ())
    kinds = recipe_of(ground, space, {**space.first(), "augmentation": name}).augment
    affine = [kind for kind in kinds or () if isinstance(kind, Affine)]
    assert affine
    assert all(kind.flip_probability == 0 for kind in affine)


class Balance(HTMLParser):
    """Checks that what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Nothing is left open."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_and_the_recipe_take_no_name_for_more_than_a_name(tmp_path: Path) -> None:
    result = search(tmp_path)
    name = 'a"<script>\nseed = 9'
    page = tuning_page(result, name)
    assert "<script>" not in page
    assert "调优集" in page
    Balance().feed(page[page.index("<body>") : page.index("</html>")])
    text = recipe_toml(read_recipe(result.recipe), result, name)
    assert tomllib.loads(text)["seed"] == 4


def test_the_verb_says_what_it_found_and_what_that_is_not_worth(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_npz(tmp_path / "data", test=20)
    words = ["tune", str(tmp_path / "data"), "-o", str(tmp_path / "best.toml"), "--trials", "9", "--epochs", "1"]
    words += ["--threads", "1", "--quiet", "--networks", "lenet,article"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert len(found["trials"]) == 9
    assert found["disclaimer"]
    assert not found["weights"] or sum(found["weights"].values()) == pytest.approx(1, abs=0.01)
    assert Path(found["report"]).is_file()
    assert main([*words, "--language", "zh"]) == 0
    said = capsysbinary.readouterr().out.decode()
    assert "偏于乐观" in said
    assert "learning_rate" in said
