"""``hounsfield similar``: which known cases look like this one, and what became of them; evidence, no diagnosis."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk


def similar(
    case: Annotated[Path, typer.Argument(help="Image or series; with --build the data set of known cases.")],
    index: Annotated[Path, typer.Option("--index", "-i", help="File of the index, such as nodules.npz.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Classifier whose last layer looks.")],
    build: Annotated[bool, typer.Option("--build", help="Make the index of CASE; classes are the outcomes.")] = False,
    patient: Annotated[
        str | None, typer.Option("--patient", help="The patient as the index names him; his own cases are left out.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-k", min=1, max=100, help="How many cases.")] = 5,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Find the most similar known cases with their reference outcome, or build the index of them.

    Exit codes: 0 ok, 3 the index, the model or the image is not fit, 4 some cases could not be indexed.
    """
    from hounsfield.cli.options import pipeline_options
    from hounsfield.mine.embedding import open_embedder
    from hounsfield.settings import read_settings

    house = read_settings({"language": language})
    talk = Talk(as_json, house.language, quiet)
    network = open_embedder(model, pipeline_options(house).model_folders)
    data = _built(case, index, network, talk) if build else _asked(case, index, network, patient, count)
    talk.answer(data, lambda: _lines(data, talk))
    return 4 if data.get("refused") else 0


def _built(data: Path, index: Path, network: Any, talk: Talk) -> dict[str, Any]:
    from hounsfield.image.saving import require_free
    from hounsfield.mine.embedding import index_cases
    from hounsfield.mine.index_file import write_index

    require_free(index)
    with talk.progress(talk.label("indexing")) as progress:
        made, refused = index_cases(data, network, progress)
    write_index(made, index)
    found = made.precision()
    measure = {"precision": found.value, "chance": found.chance, "k": found.k, "patients": found.patients}
    return {"index": str(index), "cases": len(made.cases), "refused": list(refused), "measure": measure}


def _asked(path: Path, index: Path, network: Any, patient: str | None, count: int) -> dict[str, Any]:
    from hounsfield.errors import ImageError
    from hounsfield.mine.embedding import embed, require_same_model
    from hounsfield.mine.index_file import read_index
    from hounsfield.opening import read_volumes

    known = read_index(index)
    require_same_model(known, network)
    volumes = read_volumes(path).volumes
    if not volumes:
        raise ImageError("E315", uid=None)
    near = known.nearest(embed(network, volumes[0]), count, patient)
    return {
        "similar": [
            {"case": one.case.identifier, "outcome": one.case.outcome or None, "similarity": one.similarity,
             "facts": dict(one.case.facts)}
            for one in near
        ]
    }  # fmt: skip


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    for one in data.get("similar", ()):
        yield f"{one['similarity']:6.3f}  {one['outcome'] or '-':<16} {one['case']}"
    if "similar" in data:
        yield talk.label("similar-evidence")
    else:
        measure = data["measure"]
        yield f"{data['index']}: {data['cases']}"
        chance = f"{talk.label('similar-chance')} {measure['chance']:.3f}"
        yield f"precision@{measure['k']} {measure['precision']:.3f} ({chance})"
