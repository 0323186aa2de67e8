"""What a search leaves: the recipe, and one page in English and Simplified Chinese."""

import itertools
from html import escape
from pathlib import Path
from typing import Any

import tomli_w

from hounsfield.errors import HounsfieldError
from hounsfield.train.checkpoint import write_synced
from hounsfield.train.page import both, facts_table, inline_figure, page_of
from hounsfield.train.recipe import Recipe
from hounsfield.train.trials import Trial, TuneResult


def write_tuning(result: TuneResult, recipe: Recipe, data_name: str) -> None:
    """Write the recipe of the best trial, and the page.

    Raises:
        HounsfieldError: ``E841``.
    """
    for path, text in (
        (result.recipe, recipe_toml(recipe, result, data_name)),
        (result.report, tuning_page(result, data_name)),
    ):
        try:
            write_synced(path, text.encode())
        except OSError as error:
            raise HounsfieldError("E841", found=path.name, reason=error.strerror or "") from error


def recipe_toml(recipe: Recipe, result: TuneResult, data_name: str) -> str:
    """Return a recipe as TOML, with where it comes from."""
    values: dict[str, Any] = recipe.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    values["augment"] = [kind.model_dump(mode="json", exclude_none=True) for kind in recipe.augment or ()]
    best = result.best
    head = [
        f"# Trial {best.number + 1}, the best of {len(result.trials)} on {_plain(data_name)}.",
        f"# Its score on the tuning part, {best.score:.4f}, is the best of many and promises too much.",
        f"# Learn with it: hounsfield train DATA -o MODEL --recipe {_plain(result.recipe.name)}",
    ]
    return "\n".join([*head, "", tomli_w.dumps(_ordered(values))])


def tuning_page(result: TuneResult, data_name: str) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere."""
    best = result.best
    facts = [
        ("tune.page.data", data_name),
        (
            "tune.page.trials",
            f"{len(result.trials)} ({_count(result, 'pruned')} pruned, {_count(result, 'fail')} failed)",
        ),
        ("tune.page.best", f"{best.number + 1}: {best.score:.4f}"),
        ("tune.page.seconds", f"{sum(trial.seconds for trial in result.trials):.0f}"),
        ("tune.page.next", f"hounsfield train DATA -o MODEL --recipe {result.recipe.name}"),
    ]
    names = list(best.choice)
    blocks = [
        f"<h1>{both('tune.page.title')}: {escape(data_name)}</h1>",
        f'<p class="warn">{both("research-only")}</p>',
        f'<p class="warn">{both("tune.page.optimistic")}</p>',
        facts_table(facts),
        f'<div class="figures">{inline_figure(_history(result).svg())}</div>',
        _weights(result),
        f"<h2>{both('tune.page.table')}</h2>",
        '<div class="wide">',
        f"<table>{_head(names)}{''.join(_row(trial, names, trial == best) for trial in result.trials)}</table></div>",
    ]
    return page_of(f"Hounsfield: {data_name}", blocks)


def _history(result: TuneResult) -> Any:
    """Draw the score of each trial and the best so far; a trial without an epoch stands at the best before it."""
    from hounsfield.report.figures import draw_learning_curves

    best = list(itertools.accumulate((trial.score or 0.0 for trial in result.trials), max))
    scores = [trial.score if trial.score is not None else top for trial, top in zip(result.trials, best, strict=True)]
    position = result.trials.index(result.best) + 1
    return draw_learning_curves({"trial": scores, "best so far": best}, "Score on the tuning part", position, "Trial")


def _weights(result: TuneResult) -> str:
    if not result.weights:
        return ""
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td class="n">{100 * value:.0f} %</td></tr>'
        for name, value in result.weights.items()
    )
    return f"<h2>{both('tune.page.weights')}</h2><table>{rows}</table>"


def _head(names: list[str]) -> str:
    told = "".join(f"<th>{both(f'tune.page.{name}')}</th>" for name in ("trial", "state", "score", "epochs"))
    return f"<tr>{told}{''.join(f'<th>{escape(name)}</th>' for name in names)}</tr>"


def _row(trial: Trial, names: list[str], is_best: bool) -> str:
    score = "-" if trial.score is None else f"{trial.score:.4f}"
    cells = [str(trial.number + 1), trial.state, score, str(trial.epochs), *(_said(trial.choice.get(n)) for n in names)]
    mark = ' class="best"' if is_best else ""
    return f"<tr{mark}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _said(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _count(result: TuneResult, state: str) -> int:
    return sum(trial.state == state for trial in result.trials)


def _plain(name: str) -> str:
    """Return a name that stays within its line of a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in Path(name).name)


def _ordered(values: dict[str, Any]) -> dict[str, Any]:
    """Put plain values before tables, as TOML wants them read."""
    return dict(sorted(values.items(), key=lambda item: isinstance(item[1], dict | list)))
