"""The demo: analytic phantoms and the files that pydicom installs, through the whole main path, without a network."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from hounsfield.archive.local import RefusedFile
from hounsfield.errors import ArchiveError
from hounsfield.image import phantoms
from hounsfield.pipeline import Options, Progress, analyse, check
from hounsfield.report.bundle import Bundle
from hounsfield.report.checked import Checked, Verdict
from hounsfield.report.files import FileKind
from hounsfield.report.folder import output_folder
from hounsfield.report.html import write_index
from hounsfield.report.writing import page_of

INSTALLED = ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "examples_rgb_color.dcm", "rtdose.dcm", "MR_truncated.dcm")
"""Files of pydicom's wheel: a CT, an MR, a compressed object, colour, a dose grid, and a file that is cut short."""


@dataclass(frozen=True)
class DemoCase:
    """One study of the demo: its name, and what writes it into a folder."""

    name: str
    write: Callable[[Path], object]


def demo_cases() -> tuple[DemoCase, ...]:
    """Return the studies of the demo: phantoms of each kind of image, then files of pydicom."""
    chest, head = phantoms.ChestPhantom, phantoms.HeadPhantom
    identity = phantoms.PhantomIdentity
    films = (
        ("chest-film", chest(), "004Y"),
        ("chest-film-opacity", chest(opacity_mm=45.0), "004Y"),
        ("chest-film-monochrome1", chest(is_inverted=True), "004Y"),
        ("chest-film-adult", chest(), "050Y"),
    )
    made = (
        *(DemoCase(name, _filmer(phantom, identity(name, age=age))) for name, phantom, age in films),
        DemoCase("head-mr", lambda folder: phantoms.write_head(folder, head(), identity("head MR"))),
        DemoCase(
            "head-mr-mass",
            lambda folder: phantoms.write_head(folder, head(mass_radius_mm=18.0), identity("head MR with mass")),
        ),
        DemoCase("head-mr-enhanced", phantoms.write_enhanced_mr),
        DemoCase("body-ct", phantoms.write_ct),
        DemoCase("body-ct-enhanced", phantoms.write_enhanced_ct),
        DemoCase("heart-cine", phantoms.write_heart),
        DemoCase("body-pet", phantoms.write_pet),
        DemoCase("colour-chart", phantoms.write_secondary_capture),
    )
    return (*made, *(DemoCase(f"pydicom-{name.partition('.')[0].lower()}", _copier(name)) for name in INSTALLED))


def _filmer(phantom: phantoms.ChestPhantom, identity: phantoms.PhantomIdentity) -> Callable[[Path], object]:
    return lambda folder: phantoms.write_chest(folder, phantom, identity)


def _copier(name: str) -> Callable[[Path], object]:
    def copy(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with as_file(files("pydicom.data").joinpath("test_files", name)) as source:
            shutil.copyfile(source, folder / name)

    return copy


def run(output: Path, options: Options, progress: Progress | None = None) -> dict[str, Any]:
    """Write the studies, check and analyse each, and write an index page over all results.

    Args:
        output: folder for inputs and pages; the results of an earlier demo in it are kept apart.
        options: how to analyse.
        progress: told (cases done, cases).

    Returns:
        The cases with verdict and answer, and the pages written.
    """
    cases = demo_cases()
    bundles: list[Bundle] = []
    refused: list[RefusedFile] = []
    rows: list[dict[str, Any]] = []
    with output_folder(output) as folder:
        for done, case in enumerate(cases):
            if progress:
                progress(done, len(cases))
            source = folder.partial / "inputs" / case.name
            case.write(source)
            results = folder.partial / "results" / case.name
            try:
                verdict = _verdict(check(source, options))
                found = analyse(source, results, options).bundles
            except ArchiveError as error:
                refused.append(RefusedFile(case.name, error))
                rows.append({"name": case.name, "verdict": Verdict.REJECT.value, "answer": f"refused, {error.code}"})
                continue
            bundles += found
            rows.append({"name": case.name, "verdict": verdict, "answer": _answer(found)})
        write_index(bundles, folder.partial, refused, options.language)
        pages = [folder.final / "index.html", *(folder.final_path(page_of(bundle)) for bundle in bundles)]
    if progress:
        progress(len(cases), len(cases))
    return {"cases": rows, "pages": [str(page) for page in pages]}


def _verdict(checked: Checked) -> str:
    verdicts = [volume.verdict for volume in checked.volumes]
    for verdict in (Verdict.REJECT, Verdict.WARN):
        if verdict in verdicts:
            return verdict.value
    return Verdict.PASS.value


def _answer(bundles: tuple[Bundle, ...]) -> str:
    said = []
    for bundle in bundles:
        report = bundle.report
        findings = [
            f"{finding.type.meaning}: {finding.presence.value}"
            + ("" if finding.score is None else f" ({finding.score:.3f})")
            for finding in report.findings
        ]
        codes = [issue.code for issue in report.issues if issue.severity.value == "reject"]
        kinds = sum(file.kind in {FileKind.STRUCTURED, FileKind.PRESENTATION} for file in bundle.files)
        words = [report.status.value, *(findings if report.status.value == "complete" else codes)]
        said.append(", ".join([*words, f"{kinds} DICOM objects"] if kinds else words))
    return "; ".join(said)
