"""Gathering: parts as declared or drawn by group, images prepared exactly as an analysis prepares them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from hounsfield.cases.guard import Examination, examine  # noqa: E402
from hounsfield.cases.layouts import read_cases  # noqa: E402
from hounsfield.cases.table import CaseTable  # noqa: E402
from hounsfield.errors import DatasetError  # noqa: E402
from hounsfield.image.display import to_display  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.prepare.sequence import apply_steps, build_steps  # noqa: E402
from hounsfield.train.events import TrainEvent, silent  # noqa: E402
from hounsfield.train.gather import choose_parts, gather_parts  # noqa: E402
from hounsfield.train.plan import Plan, SplitPlan  # noqa: E402
from tests.train.tiny import write_folders, write_npz  # noqa: E402

STEPS = ({"step": "grey"}, {"step": "percentile-scale"}, {"step": "resize", "rows": 20, "columns": 24})


def plan_for(steps: tuple[dict[str, object], ...] = STEPS, clusters: str = "") -> Plan:
    network = NetworkSettings("small-residual", 2, 1, 20, 24)
    return Plan(name="x", class_names=("blob", "normal"), prepare=steps, network=network, clusters=clusters)


def looked_at(data: Path) -> tuple[CaseTable, Examination]:
    table = read_cases(data)
    return table, examine(table)


def test_declared_parts_are_taken_as_they_are(tmp_path: Path) -> None:
    table, found = looked_at(write_npz(tmp_path, test=20))
    chosen = choose_parts(table, found, SplitPlan())
    assert {name: len(indices) for name, indices in chosen.items()} == {"training": 96, "tuning": 48, "test": 20}
    for name, indices in chosen.items():
        assert {table.cases[index].split for index in indices} == {name}


def test_undeclared_cases_are_shared_out_by_class_the_same_each_time(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 100))
    split = SplitPlan(training=0.6, tuning=0.2, test=0.2)
    chosen = choose_parts(table, found, split)
    assert {name: len(indices) for name, indices in chosen.items()} == {"training": 60, "tuning": 20, "test": 20}
    for indices in chosen.values():
        assert float(table.labels[list(indices)].mean()) == pytest.approx(0.5)
    assert choose_parts(table, found, split) == chosen
    assert choose_parts(table, found, split.model_copy(update={"seed": 1})) != chosen


def test_a_split_without_a_test_part_has_none(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 60))
    chosen = choose_parts(table, found, SplitPlan(training=0.8, tuning=0.2, test=0.0))
    assert set(chosen) == {"training", "tuning"}


def test_groups_stay_on_one_side(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 80))
    grouped = replace(found, groups=tuple(index // 4 for index in range(80)))
    chosen = choose_parts(table, grouped, SplitPlan())
    sides = [{grouped.groups[index] for index in indices} for indices in chosen.values()]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_unreadable_cases_take_no_part(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 60))
    chosen = choose_parts(table, replace(found, unreadable=(0, 7)), SplitPlan())
    used = {index for indices in chosen.values() for index in indices}
    assert used == set(range(60)) - {0, 7}


def test_a_class_that_misses_in_a_part_is_named(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 60))
    together = replace(found, groups=tuple(int(label) for label in table.labels))
    with pytest.raises(DatasetError) as caught:
        choose_parts(table, together, SplitPlan())
    assert caught.value.code == "E839"
    assert "blob" in str(caught.value.facts["found"]) or "normal" in str(caught.value.facts["found"])


def test_images_are_those_an_analysis_would_see(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 60))
    chosen = choose_parts(table, found, SplitPlan())
    parts = gather_parts(table, found, chosen, plan_for(), "display", silent)
    steps = build_steps(list(STEPS))
    for position, index in enumerate(chosen["training"][:5]):
        prepared, _ = apply_steps(steps, to_display(table.read_volume(table.cases[index])))
        np.testing.assert_array_equal(parts.training.images[position, 0], prepared.array[0])
    assert parts.training.images.shape == (len(chosen["training"]), 1, 20, 24)
    assert parts.training.images.dtype == np.float32
    assert parts.training.identifiers == tuple(table.cases[index].identifier for index in chosen["training"])
    np.testing.assert_array_equal(parts.tuning.labels, table.labels[list(chosen["tuning"])])
    assert parts.test is not None


def test_progress_is_told_for_every_image(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 40))
    said: list[TrainEvent] = []
    gather_parts(table, found, choose_parts(table, found, SplitPlan()), plan_for(), "display", said.append)
    assert [event.done for event in said] == list(range(1, 41))
    assert {event.total for event in said} == {40}


def test_steps_that_miss_the_network_are_refused(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 40))
    chosen = choose_parts(table, found, SplitPlan())
    wrong = plan_for(({"step": "resize", "rows": 24, "columns": 20},))
    with pytest.raises(DatasetError) as caught:
        gather_parts(table, found, chosen, wrong, "display", silent)
    assert caught.value.code == "E840"
    assert caught.value.facts["found"] == (1, 24, 20)


def test_digest_of_the_data_changes_with_every_sample_label_and_name(tmp_path: Path) -> None:
    table, found = looked_at(write_folders(tmp_path, 40))
    parts = gather_parts(table, found, choose_parts(table, found, SplitPlan()), plan_for(), "display", silent)
    images, labels = parts.training.images.copy(), parts.training.labels.copy()
    images[0, 0, 0, 0] += 1e-6
    labels[0] = 1 - labels[0]
    names = ("other", *parts.training.identifiers[1:])
    changed = [
        replace(parts, training=replace(parts.training, images=images)).digest,
        replace(parts, training=replace(parts.training, labels=labels)).digest,
        replace(parts, training=replace(parts.training, identifiers=names)).digest,
        replace(parts, test=None).digest,
    ]
    assert len({parts.digest, *changed}) == 5
    assert replace(parts, training=replace(parts.training, images=parts.training.images.copy())).digest == parts.digest


def test_clusters_are_the_values_of_a_column(tmp_path: Path) -> None:
    write_folders(tmp_path, 40)
    lines = ["path,label,source"]
    for index, path in enumerate(sorted(tmp_path.rglob("*.png"))):
        lines.append(f"{path.relative_to(tmp_path).as_posix()},{path.parent.name},{'ab'[index % 2]}")
    (tmp_path / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    table, found = looked_at(tmp_path)
    chosen = choose_parts(table, found, SplitPlan())
    parts = gather_parts(table, found, chosen, plan_for(clusters="source"), "display", silent)
    expected = [dict(table.cases[index].attributes)["source"] == "b" for index in chosen["training"]]
    np.testing.assert_array_equal(parts.training.clusters, expected)
    plain = gather_parts(table, found, chosen, plan_for(), "display", silent)
    assert not plain.training.clusters.any()


def test_of_a_stack_the_middle_slice_is_taken_and_said(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    stacks = chance.integers(0, 255, (40, 5, 24, 24)).astype(np.uint8)
    stacks[:, 2, :, :12] //= 4
    labels = (np.arange(40) % 2)[:, None]
    halves = {"train": slice(0, 24), "val": slice(24, 40)}
    arrays = {f"{name}_images": stacks[part] for name, part in halves.items()}
    arrays |= {f"{name}_labels": labels[part] for name, part in halves.items()}
    np.savez(tmp_path / "stacks.npz", **arrays)
    table, found = looked_at(tmp_path / "stacks.npz")
    said: list[TrainEvent] = []
    chosen = choose_parts(table, found, SplitPlan())
    steps = ({"step": "resize", "rows": 20, "columns": 24},)
    parts = gather_parts(table, found, chosen, plan_for(steps), "display", said.append)
    left = parts.training.images[:, 0, :, :11].mean()
    assert left < 0.5 * parts.training.images[:, 0, :, 13:].mean()
    issues = [event.issue for event in said if event.issue]
    assert [issue.code for issue in issues] == ["Q830"]
    assert issues[0].facts["count"] == 40


def test_colour_pictures_become_luma(tmp_path: Path) -> None:
    for index in range(40):
        folder = tmp_path / ("red" if index % 2 else "blue")
        folder.mkdir(exist_ok=True)
        picture = np.zeros((24, 24, 3), np.uint8)
        picture[..., 0 if index % 2 else 2] = 200
        picture[index % 20] = 255
        Image.fromarray(picture).save(folder / f"{index}.png")
    table, found = looked_at(tmp_path)
    steps = ({"step": "grey"}, {"step": "resize", "rows": 20, "columns": 24})
    apart = replace(found, groups=tuple(range(40)))
    parts = gather_parts(table, apart, choose_parts(table, apart, SplitPlan()), plan_for(steps), "display", silent)
    red = parts.training.images[parts.training.labels == table.class_names.index("red")]
    # ITU-R BT.601: 0.299 of red
    assert float(np.median(red)) == pytest.approx(0.299 * 200 / 255, abs=0.002)
