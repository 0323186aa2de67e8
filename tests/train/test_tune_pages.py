"""What a search leaves of trials made by hand: the page in both languages, the recipe, the space it draws from."""

import tomllib
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import HounsfieldError  # noqa: E402
from hounsfield.train.augment import Affine, Noise  # noqa: E402
from hounsfield.train.fingerprint import Fingerprint  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.planner import LARGE_AUGMENT, SMALL_AUGMENT  # noqa: E402
from hounsfield.train.recipe import Recipe, read_recipe  # noqa: E402
from hounsfield.train.space import (  # noqa: E402
    AUGMENTATIONS,
    BATCH_SIZES,
    LARGE_NETWORKS,
    LEARNING_RATE,
    SMALL_NETWORKS,
    WEIGHT_DECAY,
    Ground,
    make_space,
    recipe_of,
)
from hounsfield.train.trials import Trial, TuneResult  # noqa: E402
from hounsfield.train.tune_page import recipe_toml, tuning_page, write_tuning  # noqa: E402

EVIL = '</td><script>alert("x")</script>&'
CHOICE = {"network": "lenet", "learning_rate": 0.00123456}


def trial(number, state="complete", score=None, choice=CHOICE):
    return Trial(number, state, score, 0 if score is None else 2, choice, 1.5)


def result_of(folder=Path(), scores=(0.5, 0.8, 0.7), weights=None, others=(), name="best.toml"):
    trials = (*(trial(number, "complete", score) for number, score in enumerate(scores)), *others)
    best = max((item for item in trials if item.score is not None), key=lambda item: item.score)
    return TuneResult(folder / name, folder / "best.html", best, trials, weights or {})


def ground_of(side=28, recipe=None, **options):
    return Ground(
        TrainOptions(**options), recipe or Recipe(), Fingerprint(400, (200, 200), side, True, False), ("a", "b"), 1
    )


def space_of(ground, count=2000, networks=()):
    return make_space(ground, ground.plan_of(ground.recipe), count, networks)


class Scripted:
    """Draws the first or last of everything and keeps what it was asked."""

    def __init__(self, is_last):
        self.place = -1 if is_last else 0
        self.asked = {}

    def suggest_float(self, name, low, high, *, log=False):
        self.asked[name] = (low, high, log)
        return (low, high)[self.place]

    def suggest_categorical(self, name, choices):
        self.asked[name] = tuple(choices)
        return choices[self.place]


def test_the_page_speaks_both_languages_and_promises_no_more_than_it_may():
    page = tuning_page(result_of(), "toy")
    for said in ("not a medical device", "the best of many", 'lang="zh"', "偏于乐观", "2: 0.8000", "best.toml"):
        assert said in page, said
    assert page.count("<tr>") + page.count("<tr class") == page.count("</tr>")
    assert not any(asked in page for asked in ('src="', 'href="http', "@import", "url(http"))


@pytest.mark.parametrize("where", ["data", "recipe", "choice", "value", "weight", "state"])
def test_a_name_from_outside_is_text_wherever_it_stands(where):
    choice = {EVIL: 1} if where == "choice" else {"network": EVIL if where == "value" else "lenet"}
    others = (trial(3, EVIL if where == "state" else "fail", None, choice),)
    first = result_of(weights={EVIL: 1.0} if where == "weight" else {}, others=others)
    result = TuneResult(
        Path(EVIL.replace("/", "")) if where == "recipe" else first.recipe,
        first.report, trial(1, "complete", 0.8, choice), (trial(1, "complete", 0.8, choice), *others), first.weights,
    )  # fmt: skip
    page = tuning_page(result, EVIL if where == "data" else "toy")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_trials_that_ended_early_or_failed_are_counted_and_have_no_score():
    others = (trial(3, "pruned", 0.4), trial(4, "fail"), trial(5, "pruned", 0.3))
    page = tuning_page(result_of(others=others), "toy")
    assert "6 (2 pruned, 1 failed)" in page
    assert page.count("<td>-</td>") == 1
    assert page.count('<tr class="best">') == 1


def test_a_search_that_begins_with_a_failure_can_be_drawn():
    failed = trial(0, "fail")
    best = trial(1, "complete", 0.9)
    page = tuning_page(TuneResult(Path("a.toml"), Path("a.html"), best, (failed, best), {}), "toy")
    assert "<!-- kept: trial 2 -->" in page  # as the figure's legend says
    assert page.count("<td>-</td>") == 1


def test_shares_are_told_where_they_are_known():
    assert "67 %" in tuning_page(result_of(weights={"network": 0.667, "batch_size": 0.333}), "toy")
    assert "67 %" not in tuning_page(result_of(), "toy")


def test_the_recipe_is_read_again_and_its_head_stays_a_comment(tmp_path):
    recipe = Recipe(network={"name": "lenet"}, learning={"epochs": 3}, augment=(Noise(deviation=0.01),), seed=9)
    result = result_of(tmp_path, name="b\nseed = 1.toml")
    text = recipe_toml(recipe, result, "x\u2028[network]\r\nname = 'vgg'")
    assert "Trial 2, the best of 3" in text.splitlines()[0]
    (tmp_path / "again.toml").write_text(text, encoding="utf-8")
    again = read_recipe(tmp_path / "again.toml")
    assert (again.network, again.learning, again.seed) == ({"name": "lenet"}, {"epochs": 3}, 9)
    assert again.augment == recipe.augment


def test_no_augmentation_stays_none_in_the_recipe():
    assert tomllib.loads(recipe_toml(Recipe(augment=()), result_of(), "toy"))["augment"] == []


def test_files_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "best.toml").mkdir()
    with pytest.raises(HounsfieldError) as caught:
        write_tuning(result_of(tmp_path), Recipe(), "toy")
    assert caught.value.code == "E841"
    assert "best.toml" in caught.value.text("zh")
    write_tuning(result_of(tmp_path, name="other.toml"), Recipe(), "toy")
    assert {path.name for path in tmp_path.iterdir()} >= {"other.toml", "best.html"}


@pytest.mark.parametrize("is_last", [False, True])
def test_every_choice_that_can_be_drawn_gives_a_plan_with_that_choice(is_last):
    ground = ground_of()
    space, draw = space_of(ground), Scripted(is_last)
    choice = space.draw(draw)
    assert choice.keys() == space.first().keys() == draw.asked.keys()
    assert draw.asked["learning_rate"] == (*LEARNING_RATE, True)
    plan = ground.plan_of(recipe_of(ground, space, choice))
    assert plan.network.name == choice["network"]
    assert [getattr(plan.learning, name) for name in ("batch_size", "learning_rate", "weight_decay")] == [
        choice[name] for name in ("batch_size", "learning_rate", "weight_decay")
    ]
    assert (plan.prepare, plan.seed, plan.learning.epochs) == (
        space.plan.prepare, space.plan.seed, space.plan.learning.epochs
    )  # fmt: skip


def test_the_first_choice_stays_within_what_is_searched_though_the_plan_lies_outside():
    recipe = Recipe(learning={"learning_rate": 0.5, "weight_decay": 0.0, "label_smoothing": 0.5, "batch_size": 500})
    first = space_of(ground_of(recipe=recipe)).first()
    assert (first["learning_rate"], first["weight_decay"]) == (LEARNING_RATE[1], WEIGHT_DECAY[0])
    assert (first["label_smoothing"], first["batch_size"]) == (0.15, BATCH_SIZES[-1])


@pytest.mark.parametrize(("side", "usual"), [(28, SMALL_NETWORKS), (128, LARGE_NETWORKS)])
def test_the_networks_tried_suit_the_size_and_begin_with_the_plans(side, usual):
    space = space_of(ground_of(side))
    assert space.networks[0] == space.plan.network.name
    assert set(space.networks) <= {*usual, space.plan.network.name}
    assert len(space.networks) > 1


def test_a_setting_of_the_recipes_network_is_kept_for_that_network_alone():
    ground = ground_of(recipe=Recipe(network={"name": "small-residual", "stem_width": 24, "size": 28}))
    space = space_of(ground)
    same = recipe_of(ground, space, {**space.first(), "network": "small-residual"})
    other = recipe_of(ground, space, {**space.first(), "network": "lenet"})
    assert same.network == {"name": "small-residual", "stem_width": 24, "size": 28}
    assert other.network == {"name": "lenet", "size": 28}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_augmentation_is_its_list_and_takes_a_ban_on_mirrors_over(name):
    own = (Affine(rotation_degrees=3, flip_probability=0.2),)
    ground = ground_of(recipe=Recipe(augment=own))
    space = space_of(ground)
    expected = {"plan": own, "none": (), "gentle": SMALL_AUGMENT, "strong": LARGE_AUGMENT}[name]
    assert recipe_of(ground, space, {**space.first(), "augmentation": name}).augment == expected
    banned = ground_of(recipe=Recipe(augment=(Affine(rotation_degrees=3),)))
    kinds = recipe_of(banned, space_of(banned), {**space.first(), "augmentation": name}).augment
    assert [kind.kind for kind in kinds] == [kind.kind for kind in expected]
    assert not any(getattr(kind, "flip_probability", 0) for kind in kinds)


def test_two_searches_are_the_same_when_what_decides_is():
    one, other = space_of(ground_of()), space_of(ground_of())
    assert one.facts() == other.facts()
    changed = (space_of(ground_of(seed=5)), space_of(ground_of(), 100), space_of(ground_of(), networks=("lenet",)))
    assert all(space.facts() != one.facts() for space in changed)
