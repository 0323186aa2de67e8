"""What the documentation shows is true: its code runs, its Python is Python, its links lead somewhere."""

import ast
from pathlib import Path

import pytest

from tests.docs.pages import REPOSITORY, blocks, broken_links, links, pages
from tests.docs.running import PageRun

ALL_BLOCKS = [
    block
    for page in pages()
    for block in blocks(page.read_text(encoding="utf-8"), page.relative_to(REPOSITORY).as_posix())
]
RUNNING_PAGES = list(dict.fromkeys(block.page for block in ALL_BLOCKS if block.runs))


@pytest.mark.parametrize("page", RUNNING_PAGES)
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shown = [block for block in ALL_BLOCKS if block.page == page and block.runs]
    words = {word for block in shown for word in block.words}
    environment: dict[str, str] = {}
    if "torch" in words:
        pytest.importorskip("torch", reason="torch is not installed: pip install 'hounsfield[train]'")
    if "data" in words:
        environment["DATA"] = str(request.getfixturevalue("shared_data"))
    page_run = PageRun(tmp_path, environment)
    for block in shown:
        page_run.run(block)


def test_python_that_is_not_run_is_python() -> None:
    for block in ALL_BLOCKS:
        if block.language == "python" and not block.runs and ">>>" not in block.text:
            ast.parse(block.text, block.place)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert not broken_links(page)


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        waiting.extend(_linked_from(page))
    lost = sorted(path.relative_to(REPOSITORY).as_posix() for path in set(pages()) - reached)
    assert not lost, f"no link leads to {lost}"


def _linked_from(page: Path) -> list[Path]:
    targets = [link.partition("#")[0] for link in links(page.read_text(encoding="utf-8")) if "://" not in link]
    return [(page.parent / target).resolve() for target in targets if target]
