"""``hounsfield features``: tables of features compared with a second measurement, or harmonised over batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

Again = Annotated[Path | None, typer.Argument(help="The same regions measured again.")]
Retest = Annotated[bool, typer.Option("--retest", help="TABLE tells the measurement of each row in a column repeat.")]
Harmonise = Annotated[str | None, typer.Option("--harmonise", help="Column of the batches that ComBat takes away.")]
Keep = Annotated[list[str] | None, typer.Option("--keep", help="Column whose effect stays; may be given again.")]
Split = Annotated[str | None, typer.Option("--split", help="Column; only rows that say training are learned of.")]
Parameters = Annotated[Path | None, typer.Option("--parameters", help="combat.json: what was learned.")]
Classify = Annotated[str | None, typer.Option("--classify", help="Column of classes that the features should tell.")]
Group = Annotated[str | None, typer.Option("--group", help="Column of what belongs together, such as the patient.")]
Apply = Annotated[Path | None, typer.Option("--apply", help="Take away what such a file says.")]


@dataclass(frozen=True)
class Harmonising:
    """What is asked of ComBat."""

    batch: str | None
    keep: tuple[str, ...]
    split: str | None
    parameters: Path | None
    apply: Path | None


def features(
    table: Annotated[Path, typer.Argument(help="CSV of features, or a folder or manifest of images and masks.")],
    again: Again = None,
    retest: Retest = False,
    harmonise: Harmonise = None,
    keep: Keep = None,
    split: Split = None,
    parameters: Parameters = None,
    apply: Apply = None,
    classify: Classify = None,
    group: Group = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The harmonised table, CSV.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="report.html of a test-retest.")] = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Say how well features agree with a second measurement or tell classes apart, or bring scanners to one scale."""
    from hounsfield.settings import read_settings

    house = read_settings({"language": language})
    talk = Talk(as_json, house.language, quiet)
    if classify is not None or group is not None:
        strange = again is not None or retest or harmonise or apply or split or keep or parameters or output or page
        return _answer_classes(table, (classify, group), bool(strange), talk)
    combat = Harmonising(harmonise, tuple(keep or ()), split, parameters, apply)
    is_retest = again is not None or retest
    _check(is_retest, combat, output, page)
    data = _retested(table, again, page, talk) if is_retest else _harmonised(table, combat, output)
    talk.answer(data, lambda: _lines(data, talk, output or page))
    return 0


def _check(is_retest: bool, combat: Harmonising, output: Path | None, page: Path | None) -> None:
    """Refuse options that do not go together, and places that are taken, before any work."""
    from hounsfield.errors import SettingsError
    from hounsfield.image.saving import require_free

    asked = {"--retest": is_retest, "--harmonise": combat.batch is not None, "--apply": combat.apply is not None}
    chosen = [name for name, is_asked in asked.items() if is_asked]
    more = {"--keep": combat.keep, "--split": combat.split, "--parameters": combat.parameters}
    strange = [name for name, value in more.items() if value and chosen != ["--harmonise"]]
    strange += ["--output"] if is_retest and output is not None else []
    strange += ["--page"] if not is_retest and page is not None else []
    if len(chosen) != 1 or strange or (not is_retest and output is None):
        raise SettingsError("E714", found=" ".join([*chosen, *strange]) or "-")
    for path in (output, page, combat.parameters):
        if path is not None:
            require_free(path)


def _answer_classes(table: Path, columns: tuple[str | None, str | None], is_strange: bool, talk: Talk) -> int:
    """Judge how well features tell classes apart, and answer."""
    from hounsfield.errors import SettingsError
    from hounsfield.measuring.classifying import classified_json, classify
    from hounsfield.measuring.feature_table import read_features, table_json

    column, group = columns
    if column is None or is_strange:
        raise SettingsError("E714", found="--classify" if column else "--group")
    found = read_features(table, [name for name in columns if name])
    told = classified_json(classify(found, column, group))
    talk.answer({"tables": [table_json(found)], "classified": told}, lambda: _class_lines(told, talk))
    return 0


def _class_lines(told: dict[str, Any], talk: Talk) -> Iterator[str]:
    counts = ", ".join(f"{name} {count}" for name, count in told["classes"].items())
    yield counts
    yield f"{talk.label('features-groups')}: {told['groups']}, {talk.label('features-folds')}: {told['folds']}"
    for name, one in told["metrics"].items():
        yield f"  {name:<10} {one['value']:.3f} ({one['low']:.3f}-{one['high']:.3f})"


def _retested(table: Path, again: Path | None, page: Path | None, talk: Talk) -> dict[str, Any]:
    from hounsfield.measuring.feature_table import read_features, table_json
    from hounsfield.measuring.retest import retest_json, retest_repeats, retest_tables
    from hounsfield.measuring.retest_page import write_retest_page

    first = read_features(table)
    tables = [first] if again is None else [first, read_features(again)]
    found = retest_repeats(first) if again is None else retest_tables(*tables)
    if page is not None:
        write_retest_page(found, tables, page, talk.language)
    return {"tables": [table_json(one) for one in tables], "retest": retest_json(found)}


def _harmonised(table: Path, combat: Harmonising, output: Path | None) -> dict[str, Any]:
    from hounsfield.measuring.feature_table import read_features, table_json, write_features
    from hounsfield.measuring.harmonising import batch_share, learn_of_table, read_parameters, write_parameters
    from hounsfield.measuring.robustness import finite

    learned = read_parameters(combat.apply) if combat.apply is not None else None
    batch = learned.batch if learned is not None else combat.batch or ""
    kept = [one.column for one in learned.covariates] if learned is not None else combat.keep
    found = read_features(table, (batch, *kept, *([combat.split] if combat.split else [])))
    if learned is None:
        learned = learn_of_table(found, batch, combat.keep, combat.split)
    changed = learned.apply(found)
    if combat.parameters is not None:
        write_parameters(learned, combat.parameters)
    if output is not None:
        write_features(changed, output)
    batches = found.column(batch)
    shares = {
        "before": finite(batch_share(found.values, batches)),
        "after": finite(batch_share(changed.values, batches)),
    }
    told: dict[str, Any] = {"batch": batch, "batches": list(learned.learned.batches), "keep": list(kept)}
    untouched = [tag for tag in found.tags if tag not in set(learned.tags)]
    told |= {"training_regions": learned.training_count, "features": len(learned.tags), "left_as_they_are": untouched}
    return {"tables": [table_json(found)], "harmonised": told | {"batch_share": shares}}


def _lines(data: dict[str, Any], talk: Talk, written: Path | None) -> Iterator[str]:
    for table in data["tables"]:
        yield f"{table['name']}  {table['regions']} x {table['features']}"
    for one in data.get("retest", []):
        ratings = [feature["rating"] for feature in one["features"]]
        counts = ", ".join(f"{ratings.count(rating)} {rating}" for rating in dict.fromkeys(sorted(ratings)))
        yield f"label {one['label']}: {one['cases']} x {one['repetitions']}: {counts}"
    if "harmonised" in data:
        shares = data["harmonised"]["batch_share"]
        texts = ["-" if value is None else f"{value:.3f}" for value in (shares["before"], shares["after"])]
        yield f"{talk.label('features-batch-share')}: {texts[0]} -> {texts[1]}"
    if written is not None:
        yield f"{talk.label('written')}: {written}"
