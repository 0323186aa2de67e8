"""The page of an evaluation of targets: figures with intervals, issues and limits, in both languages."""

from collections.abc import Mapping, Sequence
from typing import Any

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.evaluate.page import html_text, interval_text
from hounsfield.messages import LANGUAGES, label
from hounsfield.model.statements import Bilingual

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 0 auto; max-width: 62rem }
body { padding: 1rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left }
td { text-align: right; font-variant-numeric: tabular-nums }
.zh { color: #444 }
.warn { border-left: 4px solid #b35900; padding-left: .6rem }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #eee } .zh { color: #bbb } }
"""


def target_page(
    told: Mapping[str, Any],
    measures: Mapping[str, Interval],
    issues: Sequence[QualityIssue],
    limits: Sequence[Bilingual],
) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere.

    Args:
        told: the evaluation as JSON values.
        measures: each figure with its interval.
        issues: what speaks against trusting the figures.
        limits: what the model does not know.
    """
    model = f"{told['model']['name']} {told['model']['version']}"
    unit = f" ({html_text(told['unit'])})" if told["unit"] else ""
    rows = "".join(
        f"<tr><th>{html_text(name.replace('_', ' '))}</th><td>{interval_text(value)}</td></tr>"
        for name, value in measures.items()
    )
    told_issues = "".join(
        f"<li>{html_text(issue.code)} {_spoken(issue.text('en'), issue.text('zh'))}</li>" for issue in issues
    )
    refused = "".join(
        f"<li>{html_text(item['identifier'])}: {html_text(item['code'])}</li>" for item in told["refused"]
    )
    told_limits = "".join(f"<li>{_spoken(limit.en, limit.zh)}</li>" for limit in limits)
    targets = html_text(", ".join(told["targets"]))
    part = _both(f"evaluate-part-{told['part']}")
    blocks = [
        f"<h1>{_both('evaluate-title')}: {html_text(model)}</h1>",
        f'<p class="warn">{_both("research-only")}</p>',
        f"<p>{html_text(told['data']['name'])} · {part} · n = {told['n']} · {targets}{unit}</p>",
        f"<h2>{_both('evaluate-target.figures')}</h2><table>{rows}</table><p>{_both('evaluate-target.note')}</p>",
        f"<h2>{_both('evaluate-target.issues')}</h2><ul>{told_issues}{refused}</ul>" if told_issues or refused else "",
        f"<h2>{_both('evaluate-target.limits')}</h2><ul>{told_limits}</ul>" if told_limits else "",
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{html_text(label('evaluate-title'))}: {html_text(model)}</title><style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(blocks)}</body></html>\n'


def _both(key: str) -> str:
    return _spoken(*(label(key, language) for language in LANGUAGES))


def _spoken(english: str, chinese: str) -> str:
    return f'{html_text(english)} <span class="zh" lang="zh">{html_text(chinese)}</span>'
