"""The pages of the documentation and the fenced blocks in them."""

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`\n]*)$")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]\n]*\]\((?P<picture>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(?P<text>.+?)\s*#*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, the words of its first line, and its text."""

    page: str
    line: int
    words: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def runs(self) -> bool:
        return "run" in self.words[1:]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages(repository: Path = REPOSITORY) -> list[Path]:
    """Return README, CHANGELOG and every page under docs."""
    found = [repository / "README.md", repository / "CHANGELOG.md", *sorted((repository / "docs").rglob("*.md"))]
    return [path for path in found if path.is_file()]


def blocks(text: str, page: str) -> list[Block]:
    """Return the fenced blocks of a page in order.

    Raises:
        ValueError: a fence is not closed.
    """
    found: list[Block] = []
    opened: tuple[int, str, str, tuple[str, ...]] | None = None
    body: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence:
                opened = number, fence["indent"], fence["ticks"], tuple(fence["info"].split())
                body = []
        elif fence and not fence["info"].strip() and len(fence["ticks"]) >= len(opened[2]):
            found.append(Block(page, opened[0], opened[3], "\n".join(body) + "\n"))
            opened = None
        else:
            body.append(line.removeprefix(opened[1]))
    if opened is not None:
        raise ValueError(f"{page}:{opened[0]}: the fence is not closed")
    return found


def links(text: str) -> list[str]:
    """Return the targets of links and pictures outside code."""
    outside, inside = [], False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            outside.append(re.sub(r"`[^`]*`", "", line))
    return [match["target"] or match["picture"] for match in _LINK.finditer("\n".join(outside))]


def anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a page give, as GitHub names them."""
    return {
        re.sub(r"[^\w\- ]", "", match["text"].lower().replace("`", "")).replace(" ", "-")
        for match in _HEADING.finditer(text)
    }


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    broken = []
    for link in links(page.read_text(encoding="utf-8")):
        if re.match(r"^[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists():
            broken.append(f"{page.name}: {link} is not there")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            broken.append(f"{page.name}: {link} has no such heading")
    return broken
