"""Sequences: building, applying, recording, replaying and undoing steps."""

import json
from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest

from hounsfield.core.trace import Trace
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare import registry
from hounsfield.prepare.registry import BUILT_IN, step_class, step_names
from hounsfield.prepare.sequence import apply_steps, build_steps, invert_trace, replay_trace, specification_of
from hounsfield.prepare.step import Step
from tests.prepare.volumes import resampled_by_sitk, smooth, volume_of

SPECIFICATION = [
    {"step": "grey"},
    {"step": "percentile-scale", "low_percentile": 1, "high_percentile": 99},
    {"step": "crop-foreground", "threshold": 0.1, "margin_fraction": 0.05},
    {"step": "flip", "axis": "columns"},
    {"step": "rotate90", "turns": 1},
    {"step": "pad-square", "value": 0.0},
    {"step": "resize", "rows": 96, "columns": 96},
]


class Doubled:
    """A step of another package."""

    name = "doubled"
    is_geometric = False
    changes_appearance = True

    def settings(self):
        return {}

    def draw(self, volume, generator):
        return {"factor": 2}

    def apply(self, volume, parameters):
        return volume.with_array(volume.array * parameters["factor"])

    def invert(self, volume, parameters):
        return volume.with_array(volume.array / parameters["factor"])


def installed(monkeypatch, *names, value="tests.prepare.test_sequence:Doubled"):
    points = EntryPoints(EntryPoint(name, value, registry.GROUP) for name in names)
    monkeypatch.setattr(registry, "entry_points", lambda **wanted: points.select(**wanted))


def head(rows=120, columns=90):
    """Return a head-like blob, off centre, on black."""
    r, c = np.mgrid[:rows, :columns]
    inside = ((r - 55) / 40) ** 2 + ((c - 50) / 28) ** 2 <= 1
    return volume_of((inside * (0.6 + 0.4 * np.sin(r / 6) * np.cos(c / 5)))[None].astype(np.float32))


def test_a_specification_comes_back_with_its_defaults():
    defaults = {
        "flip": {"probability": 1.0},
        "crop-foreground": {"minimum_fraction": 0.02},
        "percentile-scale": {"over": "slice"},
    }
    expected = [{**item, **defaults.get(item["step"], {})} for item in SPECIFICATION]
    assert specification_of(build_steps(SPECIFICATION)) == expected


def test_a_specification_is_json():
    steps = build_steps(json.loads(json.dumps(SPECIFICATION)))
    assert build_steps(json.loads(json.dumps(specification_of(steps)))) == steps


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"step": "sharpen"}, "E401"),
        ({"step": "os.system"}, "E401"),
        ({"step": "resize", "rows": 28}, "E402"),
        ({"step": "resize", "rows": 28, "columns": 28, "mode": "cubic"}, "E402"),
        ({"step": "resize", "rows": "28", "columns": 28}, "E402"),
        ({"step": "resize", "rows": 28.5, "columns": 28}, "E402"),
        ({"step": "resize", "rows": True, "columns": 28}, "E402"),
        ({"step": "resize", "rows": 10**9, "columns": 10**9}, "E402"),
        ({"step": "resize", "rows": 0, "columns": 28}, "E402"),
        ({"step": "rescale", "minimum": 0, "maximum": float("nan")}, "E402"),
        ({"step": "rescale", "minimum": 1, "maximum": 1}, "E402"),
        ({"step": "window", "center": 0, "width": 0}, "E402"),
        ({"step": "flip", "axis": "slices"}, "E402"),
        ({"step": "grey", "_target_": "os.system"}, "E402"),
        ({"rows": 28}, "E402"),
        ({"step": ["grey"]}, "E402"),
        ("grey", "E402"),
    ],
)
def test_a_wrong_specification_names_its_fault(item, code):
    with pytest.raises(PrepareError) as caught:
        build_steps([item])
    assert caught.value.code == code
    assert caught.value.next_step("zh")


@pytest.mark.parametrize("specification", [{"step": "grey"}, "grey", [{"step": "grey"}] * 33])
def test_what_is_no_list_of_a_few_steps_is_refused(specification):
    with pytest.raises(PrepareError) as caught:
        build_steps(specification)
    assert caught.value.code == "E402"


def test_an_unknown_step_lists_the_known_ones():
    with pytest.raises(PrepareError, match="crop-foreground"):
        build_steps([{"step": "sharpen"}])


def test_replay_from_json_gives_the_same_bytes():
    volume = head()
    prepared, trace = apply_steps(build_steps(SPECIFICATION), volume)
    replayed = replay_trace(Trace.from_json(trace.to_json()), volume)
    assert replayed.array.tobytes() == prepared.array.tobytes()
    assert replayed.geometry == prepared.geometry
    assert Trace.from_json(trace.to_json()) == trace


def test_replay_uses_what_was_drawn_and_does_not_draw_again():
    steps = build_steps([{"step": "flip", "axis": "rows", "probability": 0.5}] * 8)
    outcomes = set()
    for seed in range(12):
        prepared, trace = apply_steps(steps, smooth(), np.random.default_rng(seed))
        assert replay_trace(trace, smooth()).array.tobytes() == prepared.array.tobytes()
        outcomes.add(prepared.array.tobytes())
    assert len(outcomes) == 2


def test_without_a_generator_the_same_input_gives_the_same_result():
    steps = build_steps([{"step": "flip", "axis": "rows", "probability": 0.5}] * 5)
    first, second = apply_steps(steps, smooth()), apply_steps(steps, smooth())
    assert first[1] == second[1]


def test_a_volume_is_never_changed_in_place():
    volume = head()
    before = volume.array.tobytes()
    prepared, trace = apply_steps(build_steps(SPECIFICATION), volume)
    invert_trace(trace, prepared, geometry_only=True)
    assert volume.array.tobytes() == before


def test_undoing_names_the_step_that_cannot():
    prepared, trace = apply_steps(build_steps(SPECIFICATION), head())
    with pytest.raises(NotInvertible, match="percentile-scale"):
        invert_trace(trace, prepared)


def test_a_map_goes_back_to_the_place_it_was_made_at():
    """A hot spot on the model grid lands at the same patient point on the source grid, by SimpleITK's geometry."""
    volume = head()
    prepared, trace = apply_steps(build_steps(SPECIFICATION), volume)
    r, c = np.mgrid[:96, :96]
    spot = np.exp(-((r - 30) ** 2 + (c - 61) ** 2) / 60).astype(np.float32)
    on_model = prepared.with_array(spot[None])
    back = invert_trace(trace, on_model, geometry_only=True)
    assert back.geometry == volume.geometry
    row, column = np.unravel_index(back.array[0].argmax(), back.array[0].shape)
    there = prepared.geometry.to_patient([[0, 30, 61]])
    here = volume.geometry.to_patient([[0, row, column]])
    assert np.linalg.norm(there - here) <= max(volume.geometry.spacing_mm[1:])
    expected = resampled_by_sitk(on_model, volume.geometry)
    inside = back.array > 0.01
    assert np.abs(back.array - expected)[inside].max() < 0.08


def test_a_map_of_one_slice_goes_back_with_the_trace_of_a_stack():
    from hounsfield.prepare.grid import one_slice

    stack = smooth(slices=3)
    prepared, trace = apply_steps(
        build_steps([{"step": "pad-square"}, {"step": "resize", "rows": 50, "columns": 50}]), stack
    )
    back = invert_trace(trace, one_slice(prepared, 2), geometry_only=True)
    assert back.geometry.shape == (1, 41, 30)
    np.testing.assert_allclose(back.geometry.origin_mm, one_slice(stack, 2).geometry.origin_mm, atol=1e-9)


def test_steps_that_lose_nothing_are_undone_exactly():
    steps = build_steps(
        [{"step": "flip", "axis": "rows"}, {"step": "rotate90", "turns": 3}, {"step": "pad-square", "value": -1.0}]
    )
    prepared, trace = apply_steps(steps, smooth())
    back = invert_trace(trace, prepared)
    np.testing.assert_array_equal(back.array, smooth().array)
    assert back.geometry == smooth().geometry


def test_the_same_steps_prepare_a_slice_alone_and_in_its_stack():
    from hounsfield.prepare.grid import one_slice

    steps = build_steps(
        [{"step": "percentile-scale"}, {"step": "pad-square"}, {"step": "resize", "rows": 28, "columns": 28}]
    )
    stack = smooth(slices=4)
    whole, _ = apply_steps(steps, stack)
    alone, _ = apply_steps(steps, one_slice(stack, 2))
    assert whole.array[2].tobytes() == alone.array[0].tobytes()


@pytest.mark.parametrize("parameters", [{}, {"settings": {}}, {"drawn": {}}, {"settings": [], "drawn": {}}])
def test_a_trace_without_its_values_is_refused(parameters):
    with pytest.raises(PrepareError) as caught:
        replay_trace(Trace().followed_by("grey", parameters), smooth())
    assert caught.value.code == "E410"


def test_every_built_in_step_keeps_the_protocol_and_its_name():
    assert set(BUILT_IN) <= set(step_names())
    for name, found in BUILT_IN.items():
        assert found.name == name
        assert step_class(name) is found


def test_a_step_of_another_package_is_found_by_its_entry_point(monkeypatch):
    installed(monkeypatch, "doubled")
    assert "doubled" in step_names()
    (step,) = build_steps([{"step": "doubled"}])
    assert isinstance(step, Step)
    after, trace = apply_steps([step], smooth())
    np.testing.assert_array_equal(after.array, smooth().array * 2)
    np.testing.assert_array_equal(invert_trace(trace, after).array, smooth().array)


def test_an_entry_point_cannot_take_a_built_in_name(monkeypatch):
    installed(monkeypatch, "grey")
    assert step_class("grey") is BUILT_IN["grey"]


@pytest.mark.parametrize(
    "value", ["tests.prepare.test_sequence:head", "builtins:dict", "tests.prepare.test_sequence:Doubled"]
)
def test_an_entry_point_that_is_no_step_is_refused(monkeypatch, value):
    installed(monkeypatch, "other", value=value)
    with pytest.raises(PrepareError) as caught:
        step_class("other")
    assert caught.value.code == "E409"


def test_a_step_cannot_forget_the_mark(monkeypatch):
    installed(monkeypatch, "doubled")
    volume = head()
    marked, trace = apply_steps(build_steps([{"step": "doubled"}, {"step": "flip", "axis": "rows"}]), volume)
    assert marked.enhanced_by == replay_trace(trace, volume).enhanced_by == ("doubled",)
    assert invert_trace(trace, marked).enhanced_by == ("doubled",)
    assert volume.enhanced_by == ()


def test_an_installed_step_has_to_say_whether_it_changes_appearance(monkeypatch):
    installed(monkeypatch, "doubled")
    monkeypatch.delattr(Doubled, "changes_appearance")
    with pytest.raises(PrepareError) as caught:
        build_steps([{"step": "doubled"}])
    assert caught.value.code == "E409"


@pytest.mark.parametrize("name", ["resize", "rescale", "flip", "z-score"])
def test_grids_and_scales_that_can_be_undone_may_be_measured(name):
    settings = {
        "resize": {"rows": 5, "columns": 5},
        "rescale": {"minimum": 0, "maximum": 2.0},
        "flip": {"axis": "rows"},
    }
    prepared, _ = apply_steps(build_steps([{"step": name, **settings.get(name, {})}]), head())
    prepared.require_measurable()
