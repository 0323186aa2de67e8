"""Words in both languages at once, because a page carries both and switches between them without a server."""

from collections.abc import Callable
from dataclasses import dataclass

from hounsfield.messages import Language, sentence


@dataclass(frozen=True)
class Text:
    """The same words in English and in Simplified Chinese."""

    en: str
    zh: str


def both(words: Callable[[Language], str]) -> Text:
    """Return what a function says in each language."""
    return Text(words("en"), words("zh"))


def pairs(words: Callable[[Language], tuple[str, ...]]) -> tuple[Text, ...]:
    """Return the sentences that a function says in each language, one beside the other."""
    return tuple(Text(english, chinese) for english, chinese in zip(words("en"), words("zh"), strict=True))


def ui(key: str, **facts: object) -> Text:
    """Return a label of the catalogue in both languages."""
    return both(lambda language: sentence(f"ui.{key}", facts, language))


def task_text(task: str) -> Text:
    """Return the words of a task, its name where the catalogue has none."""
    if not task:
        return ui("page-no-task")
    words = ui(f"task-{task}")
    return Text(task, task) if words.en == f"ui.task-{task}" else words
