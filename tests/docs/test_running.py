"""The runner of the documentation finds a block that lies, and a link that leads nowhere."""

from pathlib import Path

import pytest

from tests.docs.pages import anchors, blocks, broken_links, links
from tests.docs.running import BlockError, PageRun, commands


def run_page(folder: Path, text: str, **environment: str) -> PageRun:
    run = PageRun(folder, environment)
    for block in blocks(text, "page.md"):
        if block.runs:
            run.run(block)
    return run


def fence(words: str, *lines: str) -> str:
    return "\n".join([f"```{words}", *lines, "```", ""])


def test_blocks_are_found_with_their_words_and_lines() -> None:
    text = "# A\n\n" + fence("python run data", "x = 1") + "\n  ````\n  ```\n  inner\n  ````\n"
    first, second = blocks(text, "page.md")
    assert (first.language, first.runs, first.words, first.place) == (
        "python",
        True,
        ("python", "run", "data"),
        "page.md:3",
    )
    assert (second.language, second.runs, second.text) == ("", False, "```\ninner\n")


def test_an_open_fence_is_found() -> None:
    with pytest.raises(ValueError, match=r"page\.md:1"):
        blocks("```python\nx = 1\n", "page.md")


def test_blocks_share_names_folder_and_environment(tmp_path: Path) -> None:
    text = (
        fence("python run", "from pathlib import Path", "import os", "Path('a.txt').write_text(os.environ['DATA'])")
        + fence("console run", "$ cat a.txt", "here", '$ test "$DATA" = here')
        + fence("python run", ">>> Path('a.txt').read_text()", "'here'")
        + fence("python", "this is not run")
    )
    run = run_page(tmp_path, text, DATA="here")
    assert "Path" in run.names
    assert (tmp_path / "a.txt").exists()


@pytest.mark.parametrize(
    "text",
    [
        fence("python run", "raise ValueError('x')"),
        fence("python run", "assert 1 == 2"),
        fence("python run", "x ="),
        fence("python run", ">>> 1 + 1", "3"),
        fence("python run", ">>> missing"),
        fence("console run", "$ false"),
        fence("console run", "$ false | cat"),
        fence("console run", "$ echo one", "two"),
        fence("console run", "$ true  # exit 3"),
        fence("console run", "echo no dollar"),
        fence("json run", "{}"),
    ],
)
def test_a_block_that_lies_is_found(tmp_path: Path, text: str) -> None:
    with pytest.raises(BlockError):
        run_page(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        fence("console run", "$ echo one two three", "one ... three"),
        fence("console run", "$ echo silent"),
        fence("console run", "$ exit 3  # exit 3"),
        fence("python run", ">>> list(range(9))", "[0, 1, ..., 8]"),
    ],
)
def test_a_block_that_is_true_passes(tmp_path: Path, text: str) -> None:
    run_page(tmp_path, text)


def test_a_command_goes_on_after_a_backslash() -> None:
    (block,) = blocks(fence("console run", "$ echo a \\", ">   b", "a b", "$ true"), "page.md")
    assert list(commands(block)) == [("echo a \\\n  b", "a b\n"), ("true", "")]


def test_the_environment_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATA", raising=False)
    run_page(tmp_path, fence("python run", "import os", "os.environ['LEFT'] = '1'"), DATA="here")
    import os

    assert "DATA" not in os.environ
    assert "LEFT" not in os.environ


def test_links_outside_code_are_found() -> None:
    text = "[a](b.md) ![c](d.png) `[e](f)` [g](h.md#i)\n" + fence("", "[j](k)")
    assert links(text) == ["b.md", "d.png", "h.md#i"]


def test_anchors_are_named_as_github_does() -> None:
    assert anchors("# A `b` C\n## What, why?\n") == {"a-b-c", "what-why"}


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Here\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#here) [b](other.md#there) [c](none.md) [d](https://example.org/x) [e](#own)\n# Own\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["page.md: other.md#there has no such heading", "page.md: none.md is not there"]
