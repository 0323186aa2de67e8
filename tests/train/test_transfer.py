"""Starting from other weights: taken bit by bit, refused where they are not what they should be, and learned on."""

import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from hounsfield.errors import ModelError, SettingsError  # noqa: E402
from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.networks.unet import build_unet  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.train.checkpoint import read_checkpoint  # noqa: E402
from hounsfield.train.classification import Classification  # noqa: E402
from hounsfield.train.events import silent  # noqa: E402
from hounsfield.train.export import example_images, export_network, form_of, named_weights  # noqa: E402
from hounsfield.train.learner import Learner  # noqa: E402
from hounsfield.train.loop import Loop  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.plan import Plan  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from hounsfield.train.segmentation.packing import export_unet  # noqa: E402
from hounsfield.train.segmentation.way import Segmentation  # noqa: E402
from hounsfield.train.transfer.origin import ABOUT_KEY, Origin, read_origin  # noqa: E402
from hounsfield.train.transfer.plan import TransferPlan, TransferRecipe  # noqa: E402
from hounsfield.train.transfer.start import Start, StartsFrom, read_wish, refuse_start  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402
from tests.train.test_loop import plan  # noqa: E402
from tests.train.tiny import parts, write_npz  # noqa: E402

ARTICLE = NetworkSettings("article", 2, 1, 28, 28)


def weights(settings=ARTICLE, seed=7):
    """Return the state of a network whose normalisation is no identity."""
    torch.manual_seed(seed)
    network = build_network(settings)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                torch.nn.init.normal_(tensor, std=0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


def start(freeze=1.0, rate=0.3, seed=7) -> Start:
    tensors = {name: value.clone() for name, value in weights(seed=seed).state_dict().items() if "trunk" in name}
    told = TransferPlan(name="x", digest="0" * 64, taken=6, wanted=8, freeze_epochs=freeze, trunk_rate=rate)
    return Start(tensors, told)


# ---- what a package holds


@pytest.mark.parametrize("name", ["article", "small-residual", "small-densenet", "vgg11"])
def test_an_exported_network_holds_every_weight_by_name_bit_by_bit(name):
    settings = NetworkSettings(name, 3, 1, 32, 32)
    network = weights(settings)
    exported = export_network(network, settings, None, example_images(settings))
    held = named_weights(exported.network)
    state = {key: value for key, value in network.state_dict().items() if value.dtype.is_floating_point}
    for key in set(state) - {"centre", "scale"}:
        assert np.array_equal(held[key], state[key].numpy()), key
    assert exported.largest_difference < 1e-4


def test_an_exported_network_carries_its_form_and_the_same_bytes_each_time():
    settings = NetworkSettings("small-residual", 3, 1, 32, 32, widths=(8, 16), depths=(1, 1), strides=(2, 2))
    network = weights(settings)
    first, second = (export_network(network, settings, None, example_images(settings)).network for _ in range(2))
    assert first == second
    assert form_of(first) == json.loads(json.dumps(asdict(settings)))
    bare = onnx.load_model_from_string(first)
    del bare.metadata_props[:]
    assert form_of(bare.SerializeToString()) is None


def test_weights_of_the_same_values_keep_their_names():
    settings = NetworkSettings("vgg11", 3, 1, 32, 32)
    network = weights(settings)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
                module.bias.fill_(0.25)
    held = named_weights(export_network(network, settings, None, example_images(settings)).network)
    biases = [name for name, value in network.state_dict().items() if (value == 0.25).all() and value.ndim == 1]
    assert len(biases) == 8
    assert all((held[name] == 0.25).all() for name in biases)


def test_an_exported_unet_holds_every_weight_of_the_full_size():
    made = discs.plan()
    torch.manual_seed(1)
    network = build_unet(made.network).eval()
    held = named_weights(export_unet(network, made))
    for key, value in network.state_dict().items():
        if not key.startswith("heads.1"):
            assert np.array_equal(held[key], value.numpy()), key


# ---- files of weights


def test_files_are_read_with_their_digest(tmp_path):
    state = weights().state_dict()
    save_file(state, tmp_path / "one.safetensors")
    torch.save(state, tmp_path / "two.pt")
    torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "3.pth")
    for name in ("one.safetensors", "two.pt", "3.pth"):
        found = read_origin(str(tmp_path / name))
        assert found.name == name
        assert len(found.digest) == 64
        held = {key.removeprefix("module."): value for key, value in found.tensors.items()}
        assert all(torch.equal(held[key], value) for key, value in state.items())


def test_half_precision_is_taken_as_it_is(tmp_path):
    values = torch.randn(5, 4).half()
    save_file({"a": values, "b": torch.arange(3)}, tmp_path / "half.safetensors")
    found = read_origin(str(tmp_path / "half.safetensors"))
    assert set(found.tensors) == {"a"}
    assert torch.equal(found.tensors["a"].half(), values)


def test_the_digest_that_was_asked_for_has_to_be_met(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(2)}, path)
    digest = read_origin(str(path)).digest
    assert read_origin(str(path), digest).digest == digest
    with pytest.raises(SettingsError) as caught:
        read_origin(str(path), "0" * 64)
    assert caught.value.code == "E912"
    assert digest in caught.value.text("en")


class Hostile:
    """Would write a file when a pickle of it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path, writer):
    trap, path = tmp_path / "trap", tmp_path / "hostile.pt"
    if writer == "torch":
        torch.save({"a": torch.ones(2), "b": Hostile(trap)}, path)
    else:
        path.write_bytes(pickle.dumps({"a": Hostile(trap)}))
    with pytest.raises(SettingsError) as caught:
        read_origin(str(path))
    assert caught.value.code == "E913"
    assert not trap.exists()


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.safetensors", b""),
        ("a.safetensors", b"\xff" * 64),
        ("a.pt", b""),
        ("a.pt", b"PK\x03\x04torn"),
        ("a.bin", b"{}"),
    ],
)
def test_torn_files_are_refused(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(SettingsError) as caught:
        read_origin(str(tmp_path / name))
    assert caught.value.code == "E913"


def test_files_without_tensors_or_that_are_not_there_are_refused(tmp_path):
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "empty.pt")
    for name in ("empty.pt", "absent.pt"):
        with pytest.raises(SettingsError) as caught:
            read_origin(str(tmp_path / name))
        assert caught.value.code == "E913"
    with pytest.raises(ModelError) as missing:
        read_origin("no-such-model")
    assert missing.value.code == "E501"


# ---- what is wished for


def test_options_win_over_the_recipe_and_its_digest_goes_with_its_source(tmp_path):
    for name in ("a", "b"):
        save_file({"a": torch.ones(2)}, tmp_path / f"{name}.safetensors")
    asked = TransferRecipe(source=str(tmp_path / "a.safetensors"), sha256="0" * 64, freeze_epochs=4)
    with pytest.raises(SettingsError, match="E912"):
        read_wish(TrainOptions(), Recipe(transfer=asked))
    wish = read_wish(TrainOptions(start_from=str(tmp_path / "b.safetensors"), trunk_rate=0.5), Recipe(transfer=asked))
    assert wish.origin is not None
    assert wish.origin.name == "b.safetensors"
    assert (wish.rules.freeze_epochs, wish.rules.trunk_rate) == (4, 0.5)


@pytest.mark.parametrize("options", [{"freeze_epochs": 2}, {"trunk_rate": 0.1}])
def test_rules_without_a_source_are_refused(options):
    with pytest.raises(SettingsError, match="E830"):
        read_wish(TrainOptions(**options), Recipe())


def test_ways_that_know_neither_refuse_both():
    refuse_start(TrainOptions(), Recipe(), "several")
    asked = ({"start_from": "x"}, {"multi_scale": True})
    recipes = (Recipe(multi_scale=True), Recipe(transfer=TransferRecipe(source="x")))
    for options, recipe in (
        *((TrainOptions(**one), Recipe()) for one in asked),
        *((TrainOptions(), r) for r in recipes),
    ):
        with pytest.raises(SettingsError, match="E916"):
            refuse_start(options, recipe, "detection")


def test_an_impossible_rate_is_refused(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(SettingsError, match="E830"):
        read_wish(TrainOptions(start_from=str(tmp_path / "a.safetensors"), trunk_rate=2), Recipe())


def test_without_a_wish_nothing_changes():
    wish = read_wish(TrainOptions(), Recipe())
    assert wish.begin(plan(), ARTICLE, lambda: build_network(ARTICLE)) == (plan(), None)
    assert "transfer" not in plan().deciding()
    assert plan().digest() == Plan.model_validate(plan().model_dump()).digest()


def test_the_form_of_the_origin_is_taken_unless_another_is_named(tmp_path):
    form = {**asdict(NetworkSettings("resnet18", 9, 3, 64, 64)), "centre": 0.7}
    about = {ABOUT_KEY: json.dumps({"form": form, "licence": "CC0-1.0", "data": [{"name": "d"}]})}
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors", about)
    options = TrainOptions(start_from=str(tmp_path / "a.safetensors"))
    wish = read_wish(options, Recipe())
    found = wish.formed(Recipe(), options).network
    assert (found["name"], found["rows"]) == ("resnet18", 64)
    assert not {"class_count", "channels", "centre", "scale"} & set(found)
    assert "rows" not in wish.formed(Recipe(), replace(options, size=80)).network
    for recipe, more in ((Recipe(network={"name": "article"}), options), (Recipe(), replace(options, network="lenet"))):
        assert wish.formed(recipe, more).network == recipe.network
    assert wish.origin is not None
    assert (wish.origin.licence, wish.origin.data[0].name) == ("CC0-1.0", "d")


def test_weights_of_which_nothing_fits_are_refused(tmp_path):
    save_file({"trunk.0.weight": torch.ones(3, 3)}, tmp_path / "a.safetensors")
    wish = read_wish(TrainOptions(start_from=str(tmp_path / "a.safetensors")), Recipe())
    with pytest.raises(SettingsError) as caught:
        wish.begin(plan(), ARTICLE, lambda: build_network(ARTICLE))
    assert caught.value.code == "E911"
    assert "article" in caught.value.text("en")


# ---- learning on


def way(begin: Start | None, epochs: int = 3) -> Classification:
    return Classification(plan(epochs), parts(), begin)


@pytest.mark.parametrize("promise", ways.PROMISES)
def test_keeps_the_promises_of_a_way(promise):
    promise(lambda: way(start(), 2))


def test_the_learner_begins_with_the_weights_bit_by_bit_and_a_fresh_head():
    learner, fresh = Learner(way(start())), Learner(way(None))
    for name, tensor in start().tensors.items():
        assert torch.equal(learner.network.state_dict()[name], tensor)
        assert torch.equal(learner.averaged.state_dict()[name], tensor)
    assert torch.equal(learner.network.last.weight, fresh.network.last.weight)
    assert isinstance(way(start()), StartsFrom)


def test_what_was_taken_rests_while_it_is_frozen_and_learns_slower_then():
    made = way(start(freeze=1, rate=0.1))
    learner = Learner(made)
    head = learner.network.last.weight.detach().clone()
    for batch in made.batches(0):
        learner.learn(batch, 1e-3)
    assert all(torch.equal(learner.network.state_dict()[name], tensor) for name, tensor in start().tensors.items())
    assert not torch.equal(learner.network.last.weight, head)
    learner.learn(next(made.batches(1)), 1e-3)
    moved = [
        float((learner.network.state_dict()[name] - tensor).abs().max())
        for name, tensor in start().tensors.items()
        if name.endswith("weight")
    ]
    # the first step of AdamW is the learning rate itself, apart from the decay
    assert moved == pytest.approx([1e-4] * len(moved), rel=0.05)
    assert [group["lr"] for group in learner.optimiser.param_groups] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_a_rate_of_nothing_keeps_what_was_taken_for_good(tmp_path):
    outcome = ways.run(way(start(freeze=0, rate=0)), tmp_path)
    for name, tensor in start().tensors.items():
        assert torch.equal(outcome.weights[name], tensor)


def test_a_run_torn_while_frozen_ends_like_a_whole_one():
    ways.a_torn_run_ends_like_a_whole_one(lambda: way(start(freeze=2)))


def test_other_weights_are_another_run(tmp_path):
    one, other = way(start(seed=1), 1), way(start(seed=2), 1)
    first, second = ways.run(one, tmp_path / "a"), ways.run(other, tmp_path / "b")
    assert not ways.is_same(first.weights, second.weights)


def test_what_this_run_made_is_taken_by_a_unet(tmp_path):
    first = ways.run(Segmentation(discs.plan(), discs.parts()), tmp_path)
    source = read_origin(str(max(tmp_path.glob("*.safetensors"))))
    kept = {name.removeprefix("kept/"): value for name, value in source.tensors.items() if name.startswith("kept/")}
    assert ways.is_same(kept, first.weights)
    wish = read_wish(TrainOptions(start_from=str(max(tmp_path.glob("*.safetensors")))), Recipe())
    made = discs.plan(epochs=2)
    planned, begin = wish.begin(made, made.network, lambda: build_unet(made.network))
    assert begin is not None
    assert planned.transfer is not None
    assert planned.transfer.taken == planned.transfer.wanted == len(begin.tensors)
    ways.a_torn_run_ends_like_a_whole_one(lambda: Segmentation(planned, discs.parts(), begin))
    Loop(Segmentation(planned, discs.parts(), begin), tmp_path / "more", silent).run()
    assert read_checkpoint(tmp_path / "more") is not None


# ---- the whole way


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("transfer")
    write_npz(found / "data", 96, 48, 24)
    options = TrainOptions(network="small-residual", epochs=1, threads=1, name="origin", size=28)
    recipe = found / "origin.toml"
    recipe.write_text(
        '[model]\nlicence = "CC-BY-4.0"\n[network]\nwidths = [8, 16]\ndepths = [1, 1]\nstrides = [2, 2]\n',
        encoding="utf-8",
    )
    train(found / "data", found / "origin.model", replace(options, recipe=recipe))
    return found


def go_on(folder, name, **options):
    wanted = TrainOptions(start_from=str(folder / "origin.model"), epochs=2, threads=1, **options)
    return train(folder / "data", folder / f"{name}.model", wanted)


def test_a_model_goes_on_from_a_package_and_says_so(folder):
    result = go_on(folder, "next")
    origin, manifest = open_package(folder / "origin.model"), open_package(result.model).manifest
    made = json.loads((result.run_folder / "plan.json").read_text(encoding="utf-8"))
    transfer = made["plan"]["transfer"]
    assert (transfer["name"], transfer["licence"]) == ("origin", "CC-BY-4.0")
    assert transfer["digest"] == origin.identity.weights_digest
    assert transfer["taken"] == transfer["wanted"] > 10
    assert made["plan"]["network"]["widths"] == [8, 16]
    (reason,) = [row for row in made["reasons"] if row["choice"] == "transfer"]
    assert "origin 1.0.0" in reason["en"]
    assert "origin 1.0.0" in reason["zh"]
    (source,) = [item for item in manifest.data.sources if item.name == "weights of origin 1.0.0"]
    assert source.licence == "CC-BY-4.0"
    assert source.sha256 == origin.identity.weights_digest
    assert [item.use for item in manifest.data.sources][-1] == "learned by origin"
    card = open_package(result.model).card
    assert origin.identity.weights_digest in card
    assert "CC-BY-4.0" in card
    assert any("CC-BY-4.0" in limit.en for limit in manifest.limits)


def test_the_same_start_gives_the_same_model_and_resumes(folder):
    one, other = go_on(folder, "one"), go_on(folder, "other")
    assert one.weights_digest == other.weights_digest
    assert go_on(folder, "one", resume=True).weights_digest == one.weights_digest
    assert go_on(folder, "slow", trunk_rate=0.0).weights_digest != one.weights_digest


def test_another_origin_is_not_resumed(folder):
    go_on(folder, "torn")
    with pytest.raises(Exception, match="E836"):
        go_on(folder, "torn", resume=True, freeze_epochs=0.5)


def test_an_origin_is_read_whole_from_its_package(folder):
    found = read_origin(str(folder / "origin.model"))
    assert isinstance(found, Origin)
    raw = bytearray((folder / "origin.model").read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / "damaged.model").write_bytes(raw)
    with pytest.raises(ModelError):
        read_origin(str(folder / "damaged.model"))
