"""Plans and recipes: what data, recipe and options lead to, and that whatever is wrong is named."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.messages import catalogue  # noqa: E402
from hounsfield.train.augment import Affine, Noise  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.plan import Plan, differences  # noqa: E402
from hounsfield.train.planner import make_plan  # noqa: E402
from hounsfield.train.recipe import Recipe, read_recipe  # noqa: E402

STARTERS = Path(__file__).resolve().parents[2] / "starters"


def facts(side: int = 28, counts: tuple[int, ...] = (500, 500), **changes: bool) -> Fingerprint:
    values = {"has_one_shape": True, "names_sides": False, **changes}
    return Fingerprint(sum(counts), counts, side, **values)


def plan_of(found: Fingerprint, recipe: Recipe | None = None, **options: object) -> Plan:
    names = tuple(f"class-{index}" for index in range(len(found.class_counts)))
    return make_plan(TrainOptions(**options), recipe or Recipe(), found, names, 2)  # type: ignore[arg-type]


def test_small_images_get_the_articles_network_at_their_own_size() -> None:
    plan = plan_of(facts(28))
    assert (plan.network.name, plan.network.rows, plan.network.columns) == ("article", 28, 28)
    assert plan.prepare[-1] == {"step": "resize", "rows": 28, "columns": 28}


@pytest.mark.parametrize(("side", "size"), [(64, 64), (90, 64), (250, 128), (3000, 128)])
def test_larger_images_get_a_residual_network(side: int, size: int) -> None:
    plan = plan_of(facts(side))
    assert (plan.network.name, plan.network.rows) == ("small-residual", size)


def test_images_of_many_shapes_are_cut_to_what_is_in_them() -> None:
    assert "crop-foreground" in [step["step"] for step in plan_of(facts(has_one_shape=False)).prepare]
    assert "crop-foreground" not in [step["step"] for step in plan_of(facts()).prepare]


def test_images_are_not_mirrored_when_classes_are_sides() -> None:
    plan = plan_of(facts(names_sides=True))
    flips = [kind.flip_probability for kind in plan.augment if isinstance(kind, Affine)]
    assert flips == [0.0]
    assert any(reason.choice == "augment" for reason in plan.reasons)


def test_rare_classes_are_weighted_and_the_reason_is_said() -> None:
    assert plan_of(facts(counts=(900, 100))).learning.balance == "loss"
    assert plan_of(facts(counts=(600, 400))).learning.balance == "none"
    said = [reason.choice for reason in plan_of(facts(counts=(900, 100))).reasons]
    assert said == ["network", "prepare", "balance", "epochs", "batch_size"]
    assert "balance" not in [reason.choice for reason in plan_of(facts(counts=(600, 400))).reasons]
    told = plan_of(facts(counts=(900, 100)), Recipe(learning={"balance": "none"}))
    assert told.learning.balance == "none"
    assert "balance" not in [reason.choice for reason in told.reasons]


def test_fewer_cases_are_seen_more_often() -> None:
    few, many = (plan_of(facts(counts=(count, count))).learning.epochs for count in (300, 30_000))
    assert few > many >= 20


def test_options_win_over_the_recipe_and_the_recipe_over_the_data() -> None:
    recipe = Recipe.model_validate(
        {
            "seed": 3,
            "network": {"name": "lenet", "size": 32},
            "learning": {"epochs": 5, "learning_rate": 0.1},
            "augment": [],
        }
    )
    plan = plan_of(facts(28), recipe)
    assert (plan.network.name, plan.network.rows, plan.seed, plan.learning.epochs) == ("lenet", 32, 3, 5)
    assert plan.augment == ()
    plan = plan_of(facts(28), recipe, network="article", size=40, seed=9, epochs=7, batch_size=4, learning_rate=0.2)
    assert (plan.network.name, plan.network.rows, plan.seed) == ("article", 40, 9)
    assert (plan.learning.epochs, plan.learning.batch_size, plan.learning.learning_rate) == (7, 4, 0.2)


def test_a_large_network_enlarges_small_images_and_says_so() -> None:
    plan = plan_of(facts(28), network="alexnet")
    assert plan.network.rows == 128
    assert [reason.key for reason in plan.reasons if reason.choice == "size"] == ["ui.train.reason.enlarged"]


def test_every_reason_has_its_sentence_in_both_languages() -> None:
    plan = plan_of(facts(28, (900, 50), names_sides=True), network="vgg11")
    assert len(plan.reasons) == 7
    for reason in plan.reasons:
        assert reason.key in catalogue()
        for language in ("en", "zh"):
            assert "?" not in reason.text(language)
            assert "{" not in reason.text(language)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"network": "transformer"}, "E831"),
        ({"size": 8}, "E832"),
        ({"learning_rate": -1.0}, "E830"),
        ({"epochs": 0}, "E830"),
        ({"time_limit_seconds": -5.0}, "E830"),
    ],
)
def test_impossible_options_are_named(options: dict[str, object], code: str) -> None:
    with pytest.raises((SettingsError, DatasetError)) as caught:
        plan_of(facts(28), **options)
    assert caught.value.code == code


def test_plan_survives_json_and_its_digest_names_what_decides() -> None:
    plan = plan_of(facts(250, (100, 50)))
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again == plan
    assert again.digest() == plan.digest()
    assert plan.model_copy(update={"reasons": (), "time_limit_seconds": 5.0}).digest() == plan.digest()
    other = plan.model_copy(update={"seed": 1})
    assert other.digest() != plan.digest()
    assert differences(other, plan) == ("seed",)
    assert differences(plan_of(facts(250, (100, 50)), epochs=3), plan) == ("learning.epochs",)


RECIPE = """
seed = 4
[model]
name = "tiny"
limits = [{en = "Only a test.", zh = "仅供测试。"}]
[[classes]]
name = "normal"
is_finding = false
[[prepare]]
step = "grey"
[network]
name = "small-residual"
size = 32
widths = [8, 16]
depths = [1, 1]
strides = [2, 2]
[[augment]]
kind = "noise"
deviation = 0.1
[learning]
mixup = {alpha = 0.4}
[outside]
quantile = 0.95
"""


def test_recipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    recipe = read_recipe(path)
    assert recipe.augment == (Noise(deviation=0.1),)
    plan = plan_of(facts(28), recipe)
    assert plan.network.widths == (8, 16)
    assert plan.learning.mixup is not None
    assert plan.learning.mixup.alpha == 0.4
    assert plan.outside is not None
    assert plan.outside.quantile == 0.95
    assert plan.name == "tiny"


@pytest.mark.parametrize(
    "change",
    [
        ("seed = 4", "sead = 4"),
        ("seed = 4", "seed = "),
        ('kind = "noise"', 'kind = "nois"'),
        ("deviation = 0.1", "sigma = 0.1"),
        ("quantile = 0.95", "quantile = 1.5"),
        ('zh = "仅供测试。"', ""),
    ],
)
def test_what_a_recipe_has_not_is_named(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace(*change), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_recipe(path)
    assert caught.value.code == "E834"
    assert caught.value.facts["recipe"] == "recipe.toml"


@pytest.mark.parametrize(
    "table",
    [{"network": {"width": 3}}, {"learning": {"epoch": 3}}, {"network": {"widths": [1]}}, {"network": {"size": "x"}}],
)
def test_partial_tables_are_checked_when_the_plan_is_made(table: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        plan_of(facts(64), Recipe.model_validate(table))
    assert caught.value.code in {"E830", "E833"}


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_recipe(tmp_path / "nothing.toml")
    assert caught.value.code == "E834"


@pytest.mark.parametrize("path", sorted(STARTERS.glob("*.toml")), ids=lambda path: path.stem)
def test_starter_recipes_are_valid_and_named_after_their_file(path: Path) -> None:
    recipe = read_recipe(path)
    # a recipe that goes on from a model makes a newer version of the same
    assert recipe.model.name == path.stem.removesuffix("-on")
    assert recipe.model.limits
    assert recipe.model.licence != "not stated"
