"""Pages without a template: one file in English and Simplified Chinese, which loads nothing from elsewhere."""

from collections.abc import Sequence

from hounsfield.core.quality import QualityIssue
from hounsfield.evaluate.page import html_text
from hounsfield.messages import LANGUAGES, label

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 0 auto; max-width: 62rem }
body { padding: 1rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left }
td { text-align: right; font-variant-numeric: tabular-nums }
.zh { color: #444 }
.warn { border-left: 4px solid #b35900; padding-left: .6rem }
.cases { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0; max-width: 24rem } img { max-width: 100% }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #eee } .zh { color: #bbb } }
"""


def plain_page(model: str, blocks: Sequence[str]) -> str:
    """Return the page of an evaluation of a model, from blocks of HTML."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{html_text(label('evaluate-title'))}: {html_text(model)}</title><style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(blocks)}</body></html>\n'


def opening(model: str) -> str:
    """Return the heading of a page, and what the software is not."""
    return f'<h1>{both("evaluate-title")}: {html_text(model)}</h1><p class="warn">{both("research-only")}</p>'


def issue_items(issues: Sequence[QualityIssue]) -> str:
    """Return issues as items of a list."""
    return "".join(f"<li>{html_text(one.code)} {spoken(one.text('en'), one.text('zh'))}</li>" for one in issues)


def both(key: str) -> str:
    """Return a label in both languages."""
    return spoken(*(label(key, language) for language in LANGUAGES))


def spoken(english: str, chinese: str) -> str:
    """Return a sentence in both languages."""
    return f'{html_text(english)} <span class="zh" lang="zh">{html_text(chinese)}</span>'
