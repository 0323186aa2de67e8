"""The folder of an evaluation: figures as JSON, one row a case, plots and a page; complete or not there."""

from pathlib import Path

from hounsfield.cases.table import CaseTable
from hounsfield.evaluate.gallery import Explain, best_cases, worst_cases
from hounsfield.evaluate.page import render_page
from hounsfield.evaluate.plots import draw_all
from hounsfield.evaluate.result import Evaluation, metrics_text
from hounsfield.model.package import ModelPackage
from hounsfield.report.folder import output_folder


def write_evaluation(
    evaluation: Evaluation, package: ModelPackage, table: CaseTable, output: Path, explain: Explain | None = None
) -> None:
    """Write metrics.json, predictions.csv, plots/*.svg, plots/*.png and report.html into a folder.

    Raises:
        ReportError: ``E680`` a file of someone else stands where a result has to go.
    """
    drawings = draw_all(evaluation)
    limits = [limit.model_dump() for limit in package.manifest.limits]
    worst, best = (choose(evaluation, table, explain=explain) for choose in (worst_cases, best_cases))
    page = render_page(evaluation, limits, drawings, worst, best)
    metrics = metrics_text(evaluation.as_json())
    with output_folder(output) as folder:
        (folder.partial / "metrics.json").write_text(metrics, encoding="utf-8")
        (folder.partial / "predictions.csv").write_text(evaluation.as_csv(), encoding="utf-8", newline="")
        (folder.partial / "report.html").write_text(page, encoding="utf-8")
        plots = folder.partial / "plots"
        plots.mkdir()
        for name, drawing in drawings.items():
            (plots / f"{name}.svg").write_text(drawing.svg(), encoding="utf-8")
            (plots / f"{name}.png").write_bytes(drawing.png())
