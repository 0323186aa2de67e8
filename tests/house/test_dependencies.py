"""What is installed: each library pinned, and none in the plain install under a licence that binds its user's code."""

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PLAIN = [Requirement(line) for line in PROJECT["dependencies"]]
ALL = [*PLAIN, *(Requirement(line) for extra in EXTRAS.values() for line in extra)]

_BINDING = re.compile(r"\b(AGPL|GPL|GNU (Affero )?General Public|Business Source|SSPL)", re.IGNORECASE)


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, _, version in pairs}


def licences(found: Distribution) -> list[str]:
    """Return what a distribution says of its licence: expression, else classifiers, else the first line of the text."""
    metadata = found.metadata
    if "License-Expression" in metadata:
        return [metadata["License-Expression"]]
    classified = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    return classified or [metadata["License"].partition("\n")[0] if "License" in metadata else ""]


def is_binding(licence: str) -> bool:
    """Say whether a licence reaches beyond its own library: GPL and AGPL do, LGPL does not."""
    return bool(_BINDING.search(re.sub(r"LGPL|Lesser General Public", "", licence, flags=re.IGNORECASE)))


def installed_closure() -> dict[str, Distribution]:
    """Return every distribution that the plain install pulls, by name."""
    found: dict[str, Distribution] = {}
    waiting = list(PLAIN)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            pytest.fail(f"{name} is not installed: run `make setup`")
        waiting.extend(Requirement(line) for line in found[name].requires or [])
    return found


@pytest.mark.parametrize("requirement", ALL, ids=lambda requirement: requirement.name)
def test_every_named_library_is_pinned_within_its_range(requirement: Requirement) -> None:
    version = pins().get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in constraints.txt"
    assert requirement.specifier.contains(Version(version), prereleases=True)


def test_everything_the_plain_install_pulls_is_pinned() -> None:
    assert sorted(set(installed_closure()) - set(pins())) == []


def test_the_plain_install_pulls_no_torch() -> None:
    assert not {"torch", "monai", "lightning"} & set(installed_closure())


def test_no_library_of_the_plain_install_is_under_gpl() -> None:
    said = {name: licences(found) for name, found in installed_closure().items()}
    assert {name: lines for name, lines in said.items() if any(map(is_binding, lines))} == {}


def test_the_decision_names_every_library() -> None:
    page = (REPOSITORY / "docs" / "decisions" / "0002-libraries.md").read_text(encoding="utf-8")
    unnamed = [name for name in (requirement.name for requirement in ALL) if not _is_named(name, page)]
    assert not unnamed, f"without a row in 0002-libraries.md: {unnamed}"


def _is_named(name: str, page: str) -> bool:
    """Find a library by its name or, after the first of its family, by its last part: 'pytest, -cov'."""
    return bool(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page)) or f" -{name.rpartition('-')[2]}" in page


@pytest.mark.parametrize(
    ("licence", "binds"),
    [
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("Business Source License 1.1", True),
        ("LGPL-3.0", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False),
        ("Apache-2.0", False),
        ("MIT AND Zlib", False),
    ],
)
def test_binding_licences_are_told_apart(licence: str, binds: bool) -> None:
    assert is_binding(licence) is binds
