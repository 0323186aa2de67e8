"""``hounsfield compare``: two models and labelled data in, differences with intervals and p values out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Threads, Tongue
from hounsfield.cli.talk import Talk


def compare(
    model_a: Annotated[str, typer.Argument(help="A model file, or the name of a starter.")],
    model_b: Annotated[str, typer.Argument(help="Another model with the same classes.")],
    data: Annotated[Path, typer.Argument(help="Any data layout that `train` takes.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for table, plots and report.")] = None,
    threads: Threads = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Compare two models on the same cases: differences with 95 % intervals and p values, and a report."""
    from hounsfield.cases.layouts import read_cases
    from hounsfield.evaluate.compare import compare as run
    from hounsfield.evaluate.compare_result import comparison_json, write_comparison
    from hounsfield.evaluate.run import EvaluateOptions
    from hounsfield.model.registry import find_model, run_folder_of
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language, "threads": threads})
    talk = Talk(as_json, settings.language, quiet)
    folders = [settings.models_folder] if settings.models_folder else []
    first, second = (find_model(name, folders) for name in (model_a, model_b))
    runs = (run_folder_of(model_a), run_folder_of(model_b))
    with talk.progress(talk.label("analysing")) as progress:
        result = run(first, second, read_cases(data), EvaluateOptions(threads=settings.threads), progress, runs)
    if output is not None:
        write_comparison(result, output)
    answer = comparison_json(result)
    talk.answer(answer, lambda: _lines(answer, talk, output))
    return 0


def _lines(data: dict[str, Any], talk: Talk, output: Path | None) -> Iterator[str]:
    yield f"n = {data['n']}"
    for side, model in data["models"].items():
        yield f"{side.upper()}: {model['name']} {model['version']}"
    for key, row in data["measures"].items():
        gap = row["difference"]
        values = [_text(row[side]["value"]) for side in ("a", "b")]
        span = f"[{_text(gap['low'])}, {_text(gap['high'])}]"
        verdict = talk.label("evaluate-compare-differ" if row["is_significant"] else "evaluate-compare-same")
        found = f"A {values[0]}  B {values[1]}  A-B {_text(gap['value'])} {span}"
        yield f"  {key:<18} {found}  p {_text(row['p_adjusted'])}  {verdict}"
    for issue in data["issues"]:
        who = f"{issue['model'].upper()} " if issue["model"] else ""
        yield f"{issue['severity']} {who}{issue['code']}: {issue['text']}"
    if output is not None:
        yield f"{talk.label('written')}: {output / 'report.html'}"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
