"""Pretraining without labels: its loss against a sum by hand, what it looks at, and what starts from it."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402
from safetensors import safe_open  # noqa: E402

from hounsfield.cases.guard import examine  # noqa: E402
from hounsfield.cases.layouts import read_cases  # noqa: E402
from hounsfield.cases.unlabelled import read_images, without_labels  # noqa: E402
from hounsfield.cli import main  # noqa: E402
from hounsfield.errors import DatasetError  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.train.augment import Noise  # noqa: E402
from hounsfield.train.events import TrainEvent  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint  # noqa: E402
from hounsfield.train.gather import choose_parts  # noqa: E402
from hounsfield.train.learner import Learner  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.plan import Learning, SplitPlan  # noqa: E402
from hounsfield.train.pretrain.plan import FEATURES, PretrainPlan, make_pretrain_plan  # noqa: E402
from hounsfield.train.pretrain.run import choose_images, pretrain  # noqa: E402
from hounsfield.train.pretrain.way import Pretraining, share_found, view_loss  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from hounsfield.train.transfer.origin import ABOUT_KEY, read_origin  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.tiny import part, parts, write_folders, write_npz  # noqa: E402

FORM = {"widths": (8, 16), "depths": (1, 1), "strides": (2, 2), "stem_width": 8}
RECIPE = "[network]\nwidths = [8, 16]\ndepths = [1, 1]\nstrides = [2, 2]\nstem_width = 8\n"


def made(epochs: int = 2, **more: object) -> PretrainPlan:
    values: dict[str, object] = {
        "name": "trunk",
        "class_names": ("image",),
        "prepare": (),
        "network": NetworkSettings("small-residual", FEATURES, 1, 28, 28, **FORM),  # type: ignore[arg-type]
        "augment": make_pretrain_plan(TrainOptions(), Recipe(), FOUND, 1).augment,
        "learning": Learning(epochs=epochs, batch_size=16, learning_rate=3e-3),
    }
    return PretrainPlan.model_validate({**values, **more})


FOUND = Fingerprint(400, (400,), 200, True, False)


def unit(count, width=8, seed=0):
    values = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=1)


# ---- the loss


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_the_loss_is_the_papers_sum(temperature):
    first, second = unit(5, seed=1), unit(5, seed=2)
    views = [row.numpy().astype(float) for row in torch.cat([first, second])]
    terms = []
    for index, view in enumerate(views):
        other = (index + 5) % 10
        below = sum(math.exp(view @ views[at] / temperature) for at in range(10) if at != index)
        terms.append(-math.log(math.exp(view @ views[other] / temperature) / below))
    assert float(view_loss(first, second, temperature)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_views_that_are_all_alike_cannot_be_told_apart():
    same = unit(1).expand(6, 8)
    assert float(view_loss(same, same, 0.2)) == pytest.approx(math.log(11), rel=1e-5)


def test_views_that_agree_and_differ_from_all_others_cost_next_to_nothing():
    apart = torch.eye(8)
    expected = math.log(1 + 14 * math.exp(-1 / 0.05))
    assert float(view_loss(apart, apart, 0.05)) == pytest.approx(expected, abs=1e-5)
    assert float(view_loss(apart, apart.roll(1, 0), 0.05)) > 10
    assert share_found(apart, apart) == 1
    assert share_found(apart, apart.roll(1, 0)) == 0


# ---- the way


@pytest.mark.parametrize("promise", ways.PROMISES)
def test_keeps_the_promises_of_a_way(promise):
    data = parts(48, 24)
    promise(lambda: Pretraining(made(), data))


def test_members_learn_each_by_itself():
    form = NetworkSettings("small-residual", FEATURES, 1, 28, 28, members=2, **FORM)
    way = Pretraining(made(network=form), parts(32, 16))
    network = Learner(way).network.train()
    batch = next(way.batches(0))
    said = network(torch.cat([*batch]))
    assert said.shape[0] == 2
    torch.testing.assert_close(said.norm(dim=2), torch.ones(said.shape[:2]))
    terms = [view_loss(*member.chunk(2), way.plan.temperature) for member in said]
    loss = way.loss(network, batch).loss.detach()
    assert float(loss) == pytest.approx(float(torch.stack(terms).mean().detach()), rel=0.2)


def test_two_views_of_an_image_differ_and_its_labels_are_not_looked_at():
    data = parts(32, 16)
    batch = next(Pretraining(made(), data).batches(0))
    assert not torch.equal(batch.first, batch.second)
    turned = replace(data, training=replace(data.training, labels=1 - data.training.labels))
    assert ways.is_same(batch, next(Pretraining(made(), turned).batches(0)))


def test_views_are_found_more_often_after_learning(tmp_path):
    chance = np.random.default_rng(0)
    scenes = np.stack([np.kron(chance.random((4, 4)), np.ones((7, 7))) for _ in range(80)])[:, None]
    data = parts(64, 16)
    data = replace(
        data,
        training=replace(part(64, 1), images=scenes[:64].astype(np.float32)),
        tuning=replace(part(16, 2), images=scenes[64:].astype(np.float32)),
    )
    learning = Learning(epochs=12, batch_size=16, learning_rate=3e-3, average_decay=0.8)
    plan = made(learning=learning, augment=(Noise(probability=1, deviation=0.1),))
    history = ways.run(Pretraining(plan, data), tmp_path).progress.history
    assert history[-1].tuning_loss < history[0].tuning_loss - 0.1
    assert history[-1].tuning["found"] > 4 / 16


# ---- the plan


def test_the_plan_leaves_out_what_needs_classes():
    plan = make_pretrain_plan(TrainOptions(), Recipe(), FOUND, 1)
    assert (plan.learning.mixup, plan.learning.balance, plan.learning.label_smoothing) == (None, "none", 0)
    assert plan.learning.patience is None
    assert plan.learning.batch_size == 64
    assert plan.network.class_count == FEATURES
    assert plan.reasons[0].key == "ui.train.reason.pretrain"
    assert make_pretrain_plan(TrainOptions(batch_size=12), Recipe(), FOUND, 1).learning.batch_size == 12
    assert make_pretrain_plan(TrainOptions(), Recipe(), replace(FOUND, case_count=40), 1).learning.batch_size == 10


def test_its_views_follow_the_modality():
    kinds = [kind.kind for kind in make_pretrain_plan(TrainOptions(modality="US"), Recipe(), FOUND, 1).augment]
    assert "speckle" in kinds
    assert "bias-field" not in kinds


# ---- what is looked at


def write_images(folder: Path, count: int, side: int = 28, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    for index in range(count):
        scene = np.kron(chance.integers(0, 255, (7, 7)), np.ones((side // 7, side // 7))).astype(np.uint8)
        Image.fromarray(scene).save(folder / f"{index:03d}.png")
    return folder


def test_any_folder_of_images_is_read(tmp_path):
    write_images(tmp_path / "a", 6)
    write_images(tmp_path / "a" / "more" / "deep", 3, seed=1)
    table = read_images(tmp_path / "a")
    assert len(table) == 9
    assert table.class_names == ("image",)
    assert all(case.label == 0 for case in table.cases)
    assert table.read_volume(table.cases[0]).array.shape == (1, 28, 28)
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match="E802"):
        read_images(tmp_path / "none")
    with pytest.raises(DatasetError, match="E800"):
        read_images(tmp_path / "absent")


def test_a_data_set_keeps_its_layout_and_cases_without_a_label_count_too(tmp_path):
    table = read_images(write_folders(tmp_path / "classes", 20))
    assert table.layout == "class-folders"
    some = replace(table, cases=(replace(table.cases[0], label=None), *table.cases[1:]))
    assert without_labels(some).counts() == {"image": 20}


def test_images_of_the_test_part_are_never_seen(tmp_path):
    table = read_cases(write_folders(tmp_path / "classes", 80))
    examination = examine(table)
    test = set(choose_parts(table, examination, SplitPlan())["test"])
    seen = choose_images(table, examination, SplitPlan())
    assert test
    assert not test & {*seen["training"], *seen["tuning"]}
    assert len(seen["training"]) + len(seen["tuning"]) == 80 - len(test)
    assert len(seen["tuning"]) == pytest.approx(0.1 * (80 - len(test)), abs=2)


def test_a_declared_test_part_is_left_out_of_images_without_labels(tmp_path):
    write_images(tmp_path / "all" / "train", 20)
    write_images(tmp_path / "all" / "test", 6, seed=1)
    table = read_images(tmp_path / "all")
    seen = choose_images(table, examine(table), SplitPlan())
    names = {table.cases[index].identifier for part in seen.values() for index in part}
    assert names == {f"train/{index:03d}.png" for index in range(20)}


def test_a_case_without_a_label_is_learned_from_unless_it_is_a_copy_of_a_test_case(tmp_path):
    table = read_cases(write_folders(tmp_path / "classes", 80))
    examination = examine(table)
    held = choose_parts(table, examination, SplitPlan())["test"][0]
    bare = next(index for index in range(80) if index not in choose_parts(table, examination, SplitPlan())["test"])
    cases = tuple(replace(case, label=None) if index == bare else case for index, case in enumerate(table.cases))
    unlabelled = replace(table, cases=cases)
    seen = choose_images(unlabelled, examination, SplitPlan())
    assert bare in {*seen["training"], *seen["tuning"]}
    groups = list(examination.groups)
    groups[bare] = groups[held]
    copied = choose_images(unlabelled, replace(examination, groups=tuple(groups)), SplitPlan())
    assert bare not in {*copied["training"], *copied["tuning"]}


def test_too_few_images_are_refused(tmp_path):
    table = read_images(write_images(tmp_path / "few", 12))
    with pytest.raises(DatasetError, match="E914"):
        choose_images(table, examine(table), SplitPlan())


# ---- the whole way


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("pretrain")
    write_npz(found / "data", 64, 32, 16)
    (found / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return found


def run(folder, file, **options):
    wanted = TrainOptions(
        recipe=folder / "recipe.toml", network="small-residual", size=28, epochs=2, threads=1, batch_size=16, **options
    )
    return pretrain(folder / "data", folder / f"{file}.safetensors", wanted)


def test_the_same_run_gives_the_same_bytes_and_goes_on_after_a_stop(folder):
    first, second = run(folder, "a"), run(folder, "b", name="a")
    assert first.digest == second.digest
    assert first.weights.read_bytes() == second.weights.read_bytes()
    assert first.held_back == 16
    assert first.epochs_run == 2
    assert (first.run_folder / "plan.json").is_file()
    assert run(folder, "a", resume=True).digest == first.digest
    assert run(folder, "c", seed=5).digest != first.digest


def test_the_file_says_what_it_is_and_holds_no_last_layer(folder):
    result = run(folder, "said")
    origin = read_origin(str(result.weights), result.digest)
    assert origin.form is not None
    assert origin.form["name"] == "small-residual"
    assert origin.data[0].images == result.images
    assert not [name for name in origin.tensors if name.startswith(("linear.", "projection.", "network."))]
    with safe_open(result.weights, "pt") as file:
        about = json.loads(file.metadata()[ABOUT_KEY])
    assert about["method"].startswith("SimCLR")


def test_a_classifier_starts_from_it(folder):
    result = run(folder, "trunk")
    made = train(
        folder / "data",
        folder / "after.model",
        TrainOptions(start_from=str(result.weights), epochs=1, threads=1, trunk_rate=0.0),
    )
    written = json.loads((made.run_folder / "plan.json").read_text(encoding="utf-8"))["plan"]
    assert written["transfer"]["digest"] == result.digest
    assert written["transfer"]["taken"] == written["transfer"]["wanted"]
    assert written["network"]["widths"] == [8, 16]
    kept = read_origin(str(made.model)).tensors
    for name, tensor in read_origin(str(result.weights)).tensors.items():
        if "running" not in name and name not in ("centre", "scale"):
            assert torch.equal(kept[name], tensor), name


def test_the_verb_writes_the_file_and_says_so_in_both_languages(folder, capfd):
    images = write_images(folder / "plain", 24)
    words = ["pretrain", str(images), "--recipe", str(folder / "recipe.toml"), "--network", "small-residual"]
    words += ["--size", "28", "--epochs", "1", "--threads", "1", "--batch-size", "8"]
    assert main([*words, "-o", str(folder / "verb.safetensors"), "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["images"] + answer["held_back"] <= 24
    assert Path(answer["weights"]).is_file()
    for language, word in (("en", "images left out"), ("zh", "未使用")):
        assert main([*words, "-o", str(folder / f"{language}.safetensors"), "--language", language, "--quiet"]) == 0
        assert word in capfd.readouterr().out


def test_every_epoch_is_told(folder):
    said: list[TrainEvent] = []
    wanted = TrainOptions(recipe=folder / "recipe.toml", network="small-residual", size=28, epochs=1, threads=1)
    pretrain(folder / "data", folder / "told.safetensors", wanted, said.append)
    keys = [event.key for event in said]
    assert "ui.train.read.images" in keys
    assert "ui.train.epoch.pretrain" in keys
    assert "ui.train.reason.pretrain" in keys
