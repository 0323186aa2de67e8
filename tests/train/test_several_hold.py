"""Several heads and series held to answers by hand: names of outputs, parts, exported heads, a missing series."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.heads import AskedHead, draw_heads, settle, values_of  # noqa: E402
from hounsfield.cases.several import SeveralTable  # noqa: E402
from hounsfield.cases.table import CaseTable  # noqa: E402
from hounsfield.cases.task import LearningTask  # noqa: E402
from hounsfield.errors import DatasetError, OutOfScope  # noqa: E402
from hounsfield.model.several_predictor import with_planes  # noqa: E402
from hounsfield.train.parts import PartSizes  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.several.packing import export_several, rehearse_several, settle_heads  # noqa: E402
from hounsfield.train.several.parts import several_values  # noqa: E402
from hounsfield.train.several.series import with_planes as torch_planes  # noqa: E402
from hounsfield.train.several.skill import skill_of  # noqa: E402
from hounsfield.train.several.statement import SeveralFacts, several_manifest  # noqa: E402
from hounsfield.train.several.way import Several, build_several  # noqa: E402
from tests.train.several_examples import HEADS, toy_parts, toy_plan  # noqa: E402

KIND, BAR, GRADE, SIGNS = HEADS
FACTS = SeveralFacts(Recipe(), "toy data", PartSizes(48, 48, 0), "hounsfield train")


def named(*names):
    return tuple(head.model_copy(update={"name": name}) for head, name in zip(HEADS, names, strict=False))


def test_heads_in_chinese_have_outputs_of_their_own():
    """Without their letters all would be called the same, and one would answer in the place of the other."""
    heads = named("类型", "大小", "分级", "征象")
    assert len({head.key for head in heads}) == len({head.tag for head in heads}) == 4
    assert all(head.key.isascii() for head in heads)
    plan = toy_plan(heads=heads, class_names=tuple(head.name for head in heads))
    rehearse_several(plan, FACTS)
    figures = Several(plan, toy_parts(missing=0.0)).measure(build_several(plan).eval()).figures
    assert len(figures) == 5


@pytest.mark.parametrize(
    ("one", "other"), [("ER+", "ER-"), ("T < 2", "T > 2"), ("a" * 70, "a" * 71), ("größe", "gr-e")]
)
def test_names_that_differ_in_signs_or_at_the_end_have_outputs_of_their_own(one, other):
    first, second = named(one, other)
    assert first.key != second.key
    assert max(len(first.key), len(second.key)) <= 128


def test_plain_names_keep_their_plain_outputs():
    assert [head.key for head in named("kind", "How bad", "bi_rads")] == [
        "logits-kind", "logits-how-bad", "logits-bi-rads",
    ]  # fmt: skip


def test_each_exported_output_is_that_of_its_head():
    plan = toy_plan(heads=named("类型", "大小", "grade", "signs"))
    classifier = build_several(plan).classifier.eval()
    images = torch.from_numpy(toy_parts().tuning.inputs[:4])
    exported = export_several(classifier, plan, images)
    assert exported.interface.outputs == tuple(head.key for head in plan.heads)
    assert exported.largest_difference < 1e-3
    manifest = several_manifest(plan, FACTS, exported.interface)
    assert [head.name for head in manifest.heads] == ["类型", "大小", "grade", "signs"]
    assert [head.answer for head in manifest.heads] == ["class", "number", "ordered-class", "labels"]
    assert manifest.heads[1].unit == "mm"
    assert not any(entry.is_finding for entry in manifest.heads[1].classes)


def test_a_label_without_cases_in_the_tuning_part_is_left_as_it_was():
    parts = toy_parts(missing=0.0)
    signs = parts.tuning.values[3].copy()
    signs[:, 1] = np.nan
    tuning = replace(parts.tuning, values=(*parts.tuning.values[:3], signs))
    plan = toy_plan()
    classifier = build_several(plan).classifier.eval()
    weight = classifier.last.weight.detach().clone()
    settle_heads(classifier, plan, tuning)
    torch.testing.assert_close(classifier.last.weight[8], weight[8])


TABLE = CaseTable("toy", ("-",), (), (), "manifest", None)


def several_of(values):
    heads = tuple(
        settle(AskedHead(head.name, head.columns, head.task, () if head is BAR else head.class_names), [])
        for head in (KIND, SIGNS)
    )
    return SeveralTable(TABLE, heads, values)


def test_targets_of_a_part_are_those_of_its_cases():
    kinds, signs = np.arange(8.0)[:, None] % 3, np.stack([np.arange(8) % 2, np.arange(8) // 4], 1).astype(float)
    chosen = {"training": (7, 0, 2, 5), "tuning": (1, 6, 3)}
    found = several_values(several_of((kinds, signs)), chosen)
    assert found["training"][0][:, 0].tolist() == [1, 0, 2, 2]
    assert found["tuning"][1].tolist() == [[1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize(("part", "column"), [("training", "marked"), ("tuning", "kind")])
def test_what_never_varies_is_refused_by_its_name(part, column):
    kinds, signs = np.arange(8.0)[:, None] % 3, np.stack([np.arange(8) % 2, np.arange(8) // 2 % 2], 1).astype(float)
    chosen = {"training": (0, 1, 2, 3), "tuning": (4, 5, 6, 7)}
    if part == "training":
        signs[:4, 1] = 1
    else:
        kinds[4:] = 2
    with pytest.raises(DatasetError) as caught:
        several_values(several_of((kinds, signs)), chosen)
    assert caught.value.code == "E856"
    assert all(column in caught.value.text(language) for language in ("en", "zh"))


def test_a_rare_label_may_be_missing_from_the_tuning_part():
    kinds, signs = np.arange(8.0)[:, None] % 2, np.stack([np.arange(8) % 2, np.arange(8) == 1], 1).astype(float)
    several_values(several_of((kinds, signs)), {"training": (0, 1, 2, 3), "tuning": (4, 5, 6, 7)})


def test_skill_of_a_number_is_the_error_saved_over_the_mean():
    reference = np.array([[6.0], [18.0], [np.nan], [12.0]])
    said = np.array([[9.0], [15.0], [99.0], [12.0]])
    # the mean of training, 12, errs by 6, 6 and 0; the answers by 3, 3 and 0
    assert skill_of(BAR, reference, said) == pytest.approx(0.5)
    assert skill_of(BAR, reference, 24 - said) == pytest.approx(1 - 9 / 6)


def test_skill_of_classes_that_are_turned_round_is_below_none():
    reference = np.arange(30.0)[:, None] % 3
    truth = np.eye(3)[reference[:, 0].astype(int)]
    assert skill_of(KIND, reference, (1 - truth) / 2) == pytest.approx(-1)


def test_planes_of_the_predictor_are_those_of_training():
    chance = np.random.default_rng(0)
    images = chance.random((3, 6, 5)).astype(np.float32)
    given = np.array([True, False, True])
    said = with_planes([image if is_given else None for image, is_given in zip(images, given, strict=True)], (6, 5))
    wanted = torch_planes(torch.from_numpy(images)[None], torch.from_numpy(given)[None])[0]
    np.testing.assert_array_equal(said, wanted.numpy())


@pytest.mark.parametrize(
    ("image", "code"), [(np.zeros((5, 6), np.float32), "E520"), (np.full((6, 5), np.nan, np.float32), "E521")]
)
def test_a_series_that_does_not_fit_is_refused(image, code):
    with pytest.raises(OutOfScope) as caught:
        with_planes([np.zeros((6, 5), np.float32), image], (6, 5))
    assert caught.value.code == code
    assert all("{" not in caught.value.text(language) for language in ("en", "zh"))


@pytest.mark.parametrize("texts", [("ER+", "ER-"), ("+", "-"), ("阳性", "阴性"), ("-1", "1")])
def test_classes_that_differ_by_a_sign_alone_stay_apart(texts):
    rows = [{"marker": texts[index % 2]} for index in range(10)]
    (head,) = draw_heads(rows, ("marker",))
    assert head.task is LearningTask.CLASSIFICATION
    assert set(head.names) == set(texts)
    assert [head.names[int(value)] for value in values_of(head, rows)[:, 0]] == [row["marker"] for row in rows]
