"""Steps as people write them, and files that hold none."""

import json

import pytest

from hounsfield.core.trace import Trace
from hounsfield.errors import PrepareError
from hounsfield.prepare.notation import parse_steps, read_steps, read_trace
from hounsfield.prepare.sequence import build_steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grey", [{"step": "grey"}]),
        ("flip:axis=rows;", [{"step": "flip", "axis": "rows"}]),
        (" a : x = 1.5 , y=[1, 2,3] ;b:z=true", [{"step": "a", "x": 1.5, "y": [1, 2, 3]}, {"step": "b", "z": True}]),
        ("a:x=null,name=nearest", [{"step": "a", "x": None, "name": "nearest"}]),
        ("a:x=-1e3", [{"step": "a", "x": -1000.0}]),
    ],
)
def test_a_line_of_steps(text, expected):
    assert parse_steps(text) == expected


@pytest.mark.parametrize("text", ["", ";", "a:", "a:x", "a:x=1,x=2", "a:=1", "a b", "a:step=b", "clahe clip=1"])
def test_a_line_that_is_none_is_refused_with_the_grammar(text):
    with pytest.raises(PrepareError, match="E461") as caught:
        parse_steps(text)
    assert "setting=value" in caught.value.text()


def test_what_is_unknown_is_refused_with_what_there_is():
    with pytest.raises(PrepareError) as step:
        build_steps(parse_steps("sharpen"))
    assert "unsharp" in step.value.text()
    with pytest.raises(PrepareError) as setting:
        build_steps(parse_steps("clahe:limit=3"))
    assert {"clip", "tiles", "bins"} <= set(setting.value.text().replace(",", " ").replace(")", " ").split())


def test_files_of_steps(tmp_path):
    wanted = [{"step": "clahe", "clip": 0.02}, {"step": "grey"}]
    (tmp_path / "a.json").write_text(json.dumps(wanted), encoding="utf-8")
    (tmp_path / "a.toml").write_text(
        '[[steps]]\nstep = "clahe"\nclip = 0.02\n[[steps]]\nstep = "grey"\n', encoding="utf-8"
    )
    assert read_steps(tmp_path / "a.json") == read_steps(tmp_path / "a.toml") == wanted


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", "nonsense", "[" * 100_000])
def test_files_without_steps_are_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(PrepareError, match="E461"):
        read_steps(tmp_path / "a.json")


def test_a_trace_comes_back_and_what_is_none_is_refused(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(Trace().followed_by("grey", {"settings": {}, "drawn": {}}).to_json(), encoding="utf-8")
    assert read_trace(path).steps[0].name == "grey"
    for text in ("{}x", '{"a": 1}', "[1]", "3"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PrepareError, match="E462"):
            read_trace(path)
    with pytest.raises(PrepareError, match="E462"):
        read_trace(tmp_path / "none.json")
