"""Model card: what a manifest says, as Markdown for people (after Mitchell et al. 2019, Model Cards)."""

from collections.abc import Iterable, Sequence

from hounsfield.model.contract import SeriesEntry
from hounsfield.model.interface import SequenceInterface
from hounsfield.model.manifest import ClassEntry, Manifest
from hounsfield.model.statements import IntervalEntry, Metric

DISCLAIMER = (
    "Research software, not a medical device. Every result needs a doctor's eyes.",
    "本软件仅供研究，不是医疗器械。每个结果都需要医生审核。",
)


SYNTHETIC = (
    "Kind: generator. Every image it makes is synthetic: it shows no patient and proves no finding.",
    "类型：生成器。它生成的每幅图像都是合成的：不对应任何患者，也不能证明任何所见。",
)


def model_card(manifest: Manifest, weights_digest: str = "") -> str:
    """Return the card of a model; the same manifest gives the same text."""
    blocks: list[Iterable[str]] = [
        _heading(manifest, weights_digest),
        _input(manifest),
        *([_heads(manifest)] if manifest.heads else [_classes(manifest.classes)]),
        _data(manifest),
        _metrics(manifest.metrics),
        _reading(manifest),
        _limits(manifest),
        _making(manifest),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _heading(manifest: Manifest, weights_digest: str) -> Iterable[str]:
    yield f"# {manifest.name} {manifest.version}"
    yield ""
    yield _line(manifest.purpose.en)
    yield ""
    yield _line(manifest.purpose.zh)
    yield ""
    yield f"> {DISCLAIMER[0]}"
    yield f"> {DISCLAIMER[1]}"
    if manifest.answer == "image":
        yield f"> {SYNTHETIC[0]}"
        yield f"> {SYNTHETIC[1]}"
    yield ""
    yield from _table(
        ("item", "value"),
        [
            ("task", manifest.task),
            ("created", manifest.created),
            ("licence", manifest.licence),
            ("weights, SHA-256", weights_digest or "not packed yet"),
        ],
    )


def _input(manifest: Manifest) -> Iterable[str]:
    contract, network = manifest.input, manifest.network
    sides = (network.channels, network.slices, network.rows, network.columns)
    frames = f"up to {network.most_frames} frames of " if isinstance(network, SequenceInterface) else ""
    ages = contract.age_years
    years = "any" if ages is None else f"{_end(ages.minimum, '0')} to {_end(ages.maximum, 'any')} years"
    gate = contract.gate
    rows = [
        ("modality", ", ".join(contract.modalities) or "any"),
        ("files without a header", "taken, judged by the gate alone" if contract.allows_pictures else "refused"),
        ("body part", ", ".join(contract.body_parts) or "any"),
        ("view", ", ".join(contract.views) or "any"),
        ("age", years),
        ("colour", "taken" if contract.allows_colour else "refused; grey stored as RGB is taken"),
        ("smallest image", f"{contract.minimum_rows} rows × {contract.minimum_columns} columns"),
        ("slices", ", ".join(contract.slice_axes) or "any"),
        ("quantity", contract.quantity),
        ("series", "; ".join(_series(entry) for entry in contract.series) or "one image"),
        ("gate", "none" if gate is None else f"{gate.model}: {', '.join(gate.accepts)} ≥ {gate.minimum_score:g}"),
        ("network input", frames + " × ".join(str(side) for side in sides if side is not None)),
        ("preparing steps", "; ".join(_step(step) for step in manifest.prepare) or "none"),
    ]
    yield "## Input"
    yield ""
    yield "Images outside this contract are refused, never answered."
    yield ""
    yield from _table(("item", "takes"), rows)


def _series(entry: SeriesEntry) -> str:
    kinds = f" ({', '.join(entry.modalities)})" if entry.modalities else ""
    return f"{entry.name}{kinds}, {'required' if entry.required else 'may be missing'}"


def _classes(classes: Sequence[ClassEntry]) -> Iterable[str]:
    yield "## Classes and operating points"
    yield ""
    yield from _class_table(classes)


def _class_table(classes: Sequence[ClassEntry]) -> Iterable[str]:
    rows = []
    for entry in classes:
        concept, point = entry.predicted_class().concept, entry.operating_point
        code = f"{concept.meaning} ({concept.value}, {concept.scheme})"
        kind = "finding" if entry.is_finding else "no finding"
        if point is None:
            rows.append((entry.name, code, kind, "none", "", "", ""))
            continue
        figures = (f"{point.threshold:.4g}", _interval(point.sensitivity), _interval(point.specificity), point.data_set)
        rows.append((entry.name, code, kind, *figures))
        for word, rule in (("rule-out", entry.rule_out), ("rule-in", entry.rule_in)):
            if rule is not None:
                worth = (_interval(rule.sensitivity), _interval(rule.specificity), rule.data_set)
                rows.append((entry.name, "", word, f"{rule.threshold:.4g}", *worth))
    yield from _table(("class", "concept", "kind", "threshold", "sensitivity", "specificity", "set on"), rows)


def _heads(manifest: Manifest) -> Iterable[str]:
    yield "## Heads"
    yield ""
    yield "Each head answers by itself; what was not assessed of a training image taught its head nothing."
    for head in manifest.heads:
        unit = f", in {_line(head.unit)}" if head.unit else ""
        told = head.calibration
        how = f", temperature {told.temperature:g} ({_line(told.data_set)})" if told.method != "none" else ""
        yield ""
        yield f"### {_line(head.name)}: {head.answer}{unit}{how}"
        yield ""
        yield from _class_table(head.classes)


def _data(manifest: Manifest) -> Iterable[str]:
    data = manifest.data
    yield "## Data"
    yield ""
    yield f"Training {data.training}, tuning {data.tuning}, test {data.test} images."
    for title, text in (
        ("Split", data.split),
        ("Reference standard", data.reference_standard),
        ("Population", data.population),
    ):
        yield ""
        yield f"{title}: {_line(text) or 'not stated'}"
    yield ""
    rows = [
        (source.name, source.use, _number(source.images), _number(source.patients), source.licence, source.url)
        for source in data.sources
    ]
    yield from _table(("source", "use", "images", "patients", "licence", "address"), rows)


def _metrics(metrics: Sequence[Metric]) -> Iterable[str]:
    yield "## Metrics"
    yield ""
    rows = []
    for metric in metrics:
        has_interval = metric.low is not None and metric.high is not None
        interval = f"{metric.low:.4g} to {metric.high:.4g} ({metric.level:.0%})" if has_interval else "not stated"
        rows.append((metric.name, f"{metric.value:.4g}", interval, metric.data_set, _number(metric.n)))
    yield from _table(("metric", "value", "interval", "data", "n"), rows)


def _reading(manifest: Manifest) -> Iterable[str]:
    calibration, score = manifest.calibration, manifest.out_of_distribution
    outside = "none"
    if score is not None:
        outside = f"{score.score}, outside is {score.outside_is} {score.threshold:g}. {score.note}".strip()
    yield "## Calibration, explanation and unknown kinds of image"
    yield ""
    rows = [
        (
            "calibration",
            f"{calibration.method}, temperature {calibration.temperature:g}. {calibration.data_set}".strip(),
        ),
        ("explanation", manifest.explanation.method),
        ("score for unknown kinds of image", outside),
    ]
    yield from _table(("item", "value"), rows)


def _limits(manifest: Manifest) -> Iterable[str]:
    yield "## Limits · 局限"
    yield ""
    for limit in manifest.limits:
        yield f"- {_line(limit.en)}"
        yield f"  {_line(limit.zh)}"
    if not manifest.limits:
        yield "None stated."


def _making(manifest: Manifest) -> Iterable[str]:
    yield "## How it was made"
    yield ""
    yield from (f"    {line}" for line in (manifest.command or "not stated").splitlines())
    yield ""
    rows = [("seed", "not stated" if manifest.seed is None else str(manifest.seed)), *sorted(manifest.software.items())]
    yield from _table(("item", "value"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _line(text: str) -> str:
    """Return a text on one line that cannot become markup of another kind."""
    return " ".join(text.split()).replace("<", "&lt;")


def _cell(text: str) -> str:
    return _line(text).replace("\\", "\\\\").replace("|", "\\|")


def _step(step: object) -> str:
    items = dict(step) if isinstance(step, dict) else {}
    settings = ", ".join(f"{key} {value}" for key, value in items.items() if key != "step")
    return f"{items.get('step', '?')}{f' ({settings})' if settings else ''}"


def _interval(entry: IntervalEntry) -> str:
    return f"{entry.value:.4g} ({entry.low:.4g} to {entry.high:.4g})"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _end(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:g}"
