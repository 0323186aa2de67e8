"""The message catalogue and its use in the source, measured like the rest of the house."""

import ast
import json
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.house.source import Source, dotted

LANGUAGES = ("en", "zh")
CODE = re.compile(r"^[EQ]\d{3}$")
_LABEL = re.compile(r"^ui\.[a-z0-9_.-]+$")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")

Entries = dict[str, dict[str, object]]


def read_entries(folder: Path) -> tuple[Entries, list[str]]:
    """Return all entries of the catalogue, and the complaints about keys that are defined twice."""
    entries: Entries = {}
    complaints: list[str] = []
    for path in sorted(folder.glob("*.json")):
        pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
        for key, value in pairs:
            if key in entries:
                complaints.append(f"{path.name}: {key} is defined a second time")
            entries[key] = _as_dict(value)
    return entries, complaints


def _as_dict(value: object) -> dict[str, object]:
    pairs = value if isinstance(value, list) else []
    return {name: dict(part) if isinstance(part, list) else part for name, part in pairs}


def entry_faults(entries: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Complain about entries that lack a language or a sentence, or whose languages name different facts."""
    return [f"{key}: {fault}" for key, entry in entries.items() for fault in _faults_of(key, entry)]


def _faults_of(key: str, entry: Mapping[str, object]) -> Iterator[str]:
    if set(entry) != set(LANGUAGES):
        yield f"has the languages {sorted(entry)}, wants {sorted(LANGUAGES)}"
        return
    if _LABEL.match(key):
        if not all(isinstance(text, str) and text.strip() for text in entry.values()):
            yield "a label is one text in each language"
    elif CODE.match(key):
        yield from _code_faults(key, entry)
    else:
        yield "a key is E or Q with three digits, or begins with 'ui.'"


def _code_faults(key: str, entry: Mapping[str, object]) -> Iterator[str]:
    parts = {language: entry[language] for language in LANGUAGES}
    for language, part in parts.items():
        if not isinstance(part, dict) or set(part) - {"text", "next"} or not str(part.get("text", "")).strip():
            yield f"{language} wants 'text' and 'next'"
            return
        if key.startswith("E") and not str(part.get("next", "")).strip():
            yield f"{language} names no next step"
    texts = {language: dict(part) for language, part in parts.items() if isinstance(part, dict)}
    if not _CHINESE.search(str(texts["zh"]["text"])):
        yield "zh is not Chinese"
    for field in ("text", "next"):
        english, chinese = (placeholders(str(texts[language].get(field, ""))) for language in LANGUAGES)
        if english != chinese:
            yield f"{field} names {sorted(english)} in en, {sorted(chinese)} in zh"


def placeholders(template: str) -> set[str]:
    """Return the names of the facts that a sentence fills in."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def facts_of(entry: Mapping[str, object]) -> set[str]:
    """Return every fact that a code's English sentences name."""
    english = entry.get("en")
    return set().union(*(placeholders(str(text)) for text in english.values())) if isinstance(english, dict) else set()


def used_codes(sources: Iterable[Source], data: Iterable[Path] = ()) -> dict[str, str]:
    """Return the codes that stand as whole strings in code or in data files (rules), with one place each."""
    used: dict[str, str] = {}
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value):
                used.setdefault(node.value, source.at(node))
    for path in data:
        for text in re.findall(r'"([EQ]\d{3})"', path.read_text(encoding="utf-8")):
            used.setdefault(text, path.name)
    return used


def missing_facts(sources: Iterable[Source], entries: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Complain where a raise or an issue does not supply a fact that its sentence names: it would read '?'."""
    complaints = []
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and (given := _given_facts(node)) is not None:
                code, facts = given
                if lacking := facts_of(entries.get(code, {})) - facts:
                    complaints.append(f"{source.at(node)}: {code} lacks {sorted(lacking)}")
    return complaints


def _given_facts(call: ast.Call) -> tuple[str, set[str]] | None:
    """Return code and facts of a call such as ``Refused("E301", found=1)``, or None where they are not literal."""
    first = call.args[0] if call.args else None
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str) and CODE.match(first.value)):
        return None
    name = dotted(call.func).rpartition(".")[2]
    if name == "QualityIssue":
        keyword = next((keyword.value for keyword in call.keywords if keyword.arg == "facts"), None)
        facts = keyword or (call.args[2] if len(call.args) > 2 else None)
        if facts is None:
            return first.value, set()
        if not isinstance(facts, ast.Dict) or not all(isinstance(key, ast.Constant) for key in facts.keys):
            return None
        return first.value, {str(key.value) for key in facts.keys if isinstance(key, ast.Constant)}
    if not name[:1].isupper() or any(keyword.arg is None for keyword in call.keywords):
        return None
    return first.value, {keyword.arg for keyword in call.keywords if keyword.arg}


def used_labels(sources: Iterable[Source]) -> dict[str, str]:
    """Return the labels asked for by a literal name, ``label("title")``, with one place each."""
    return {
        f"ui.{node.args[0].value}": source.at(node)
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and dotted(node.func).rpartition(".")[2] == "label"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
