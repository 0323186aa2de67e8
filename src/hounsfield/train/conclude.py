"""What every run shares, whatever is learned: the loop with its ledger, then the report and the result."""

from pathlib import Path
from typing import Any

from hounsfield.train.assess import Packed
from hounsfield.train.checkpoint import Progress
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.ledger import Ledger
from hounsfield.train.loop import Loop, Outcome
from hounsfield.train.options import PartResult, TrainResult
from hounsfield.train.page import Story, figures_of, training_page
from hounsfield.train.ranks import OtherRankDone
from hounsfield.train.way import Way


def learn(way: Way[Any, Any], ledger: Ledger, talk: Talk, *, is_resumed: bool) -> Outcome:
    """Run the loop to its end, from the last checkpoint where that is asked for, and write the history.

    Raises:
        HounsfieldError: ``E836`` the checkpoint belongs to another run, ``E837`` the loss is no number; ``E940``
            another process of the run ended.
        OtherRankDone: this process is not the first of its run, which alone goes on to pack and write.
    """
    loop = Loop(way, ledger.checkpoints, talk, ledger.ranks)
    if is_resumed:
        has_state = loop.resume()
        key = "ui.train.resumed" if has_state else "ui.train.no-checkpoint"
        talk(TrainEvent(key, {"epoch": loop.progress.epochs_done}))
    outcome = loop.run()
    if not ledger.ranks.is_first:
        raise OtherRankDone
    ledger.write_history(outcome.progress.history)
    return outcome


def conclude(story: Story, weights_digest: str, ledger: Ledger, output: Path) -> TrainResult:
    """Write the figures and the page of a run, and return what it wrote.

    Args:
        story: all that the page tells.
        weights_digest: SHA-256 of the network.
        ledger: the run folder.
        output: the model package, already written.
    """
    figures = figures_of(story)
    for name, svg in figures.items():
        ledger.write_file(f"{name}.svg", svg.encode())
    page = ledger.write_file("report.html", training_page(story, figures).encode())
    return result_of(Packed(story.manifest, weights_digest, story.assessments), story.progress, page, ledger, output)


def result_of(packed: Packed, progress: Progress, page: Path, ledger: Ledger, output: Path) -> TrainResult:
    """Return what a run wrote: its package, folder and page, with the metrics of each part."""
    results = tuple(
        PartResult(
            f"{item.part}, {item.head}" if item.head else item.part,
            item.case_count,
            {name: (value.value, value.low, value.high) for name, value in item.metrics.items()},
        )
        for item in packed.assessments
    )
    return TrainResult(
        model=output,
        run_folder=ledger.folder,
        report=page,
        weights_digest=packed.weights_digest,
        results=results,
        epochs_run=len(progress.history),
        stopped_by=progress.stopped_by,
        seconds=progress.seconds,
    )
