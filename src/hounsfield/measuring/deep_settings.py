"""Which network looks at a region; apart from it, so that who measures without one loads none."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DeepSettings:
    """Which network looks, and what it sees.

    Attributes:
        model: name or path of a package.
        folders: where models are looked for beside the starters.
        is_masked: what lies outside the region becomes as dark as the darkest of its slice, as networks expect that
            were taught segmented lesions.
    """

    model: str
    folders: tuple[Path, ...] = ()
    is_masked: bool = False
