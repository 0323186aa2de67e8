"""Each measure finds the fault that is planted for it, and leaves its innocent neighbour alone."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.house import meter
from tests.house.graph import cycles, import_graph
from tests.house.source import Source, read

Measure = Callable[[Sequence[Source]], list[str]]


def long_function(lines: int) -> str:
    body = "\n".join(f"    x{n} = {n}" for n in range(lines - 1))
    return f'def f():\n    """Docstring\n    of two lines."""\n    # a comment\n\n{body}\n'


PLAIN_ARGUMENTS = "age: float, b: bool, c: int, d: str, e: float, f: float, g: float"

FAULTS: list[tuple[Measure, str, str]] = [
    (meter.file_sizes, "core/a.py", "x = 1\n" * 501),
    (meter.file_sizes, "core/a.py", "x = 1\n" * 151),
    (meter.long_functions, "core/a.py", long_function(61)),
    (meter.long_functions, "core/a.py", "class A:\n    async " + long_function(61).replace("\n", "\n    ").rstrip(" ")),
    (meter.many_arguments, "core/a.py", "def f(a, b, c, d, e, f, g): ..."),
    (meter.many_arguments, "core/a.py", "def f(a, b, c, *, d, e, f, g): ..."),
    (meter.many_arguments, "core/a.py", "@cached\ndef f(a, b, c, d, e, f, g): ..."),
    (meter.many_arguments, "cli/check.py", "def other(a, b, c, d, e, f, g): ..."),
    (meter.many_arguments, "core/a.py", "class A:\n    def f(self, a, b, c, d, e, f, g): ..."),
    (meter.many_arguments, "core/a.py", f"def f({PLAIN_ARGUMENTS}): ..."),
    (meter.many_arguments, "clinical/rules/a.py", f"def _f({PLAIN_ARGUMENTS}): ..."),
    (meter.many_arguments, "clinical/rules/a.py", f"def f({PLAIN_ARGUMENTS}, h: object): ..."),
    (meter.many_arguments, "clinical/rules/a.py", "def f(a, b, c, d, e, f, g): ..."),
    (meter.missing_docstrings, "core/a.py", "# only a comment\nx = 1\n"),
    (meter.missing_docstrings, "core/__init__.py", ""),
    (meter.empty_names, "core/utils.py", ""),
    (meter.empty_names, "image/_helpers/a.py", ""),
    (meter.talking, "core/a.py", "def f():\n    print('x')\n"),
    (meter.talking, "pipeline.py", "import sys\nsys.stderr.write('x')\n"),
    (meter.rude_endings, "core/a.py", "def f(x):\n    assert x\n"),
    (meter.rude_endings, "core/a.py", "try:\n    f()\nexcept:\n    pass\n"),
    (meter.rude_endings, "pipeline.py", "import sys\ndef f():\n    sys.exit(1)\n"),
    (meter.rude_endings, "core/a.py", "def f():\n    raise SystemExit(1)\n"),
    (meter.rude_endings, "core/a.py", "def f():\n    raise SystemExit\n"),
    (meter.environment_reads, "image/a.py", "import os\ndef f():\n    return os.environ.get('X')\n"),
    (meter.environment_reads, "cli/a.py", "import os\ndef f():\n    return os.getenv('X')\n"),
    (meter.environment_reads, "core/a.py", "from os import environ\n"),
    (meter.ways_up, "core/a.py", "import hounsfield\n"),
    (meter.ways_up, "core/a.py", "def f():\n    import hounsfield.settings\n"),
    (meter.ways_up, "report/a.py", "from hounsfield import __version__, analyse\n"),
    (meter.import_effects, "core/a.py", "import warnings\nwarnings.filterwarnings('ignore')\n"),
    (meter.import_effects, "core/a.py", "import logging\nlogging.basicConfig()\n"),
    (meter.import_effects, "core/a.py", "import numpy as np\nif True:\n    np.random.seed(0)\n"),
    (meter.import_effects, "core/a.py", "from pathlib import Path\nclass A:\n    x = Path('x').mkdir()\n"),
    (meter.import_effects, "core/a.py", "from pathlib import Path\ndef f(x=Path('x').mkdir()): ...\n"),
]

INNOCENT: list[tuple[Measure, str, str]] = [
    (meter.file_sizes, "core/a.py", "x = 1\n" * 150),
    (meter.long_functions, "core/a.py", long_function(60)),
    (meter.many_arguments, "core/a.py", "def f(a, b, c, d, e, f): ..."),
    (meter.many_arguments, "core/a.py", "class A:\n    def f(self, a, b, c, d, e, f): ..."),
    (
        meter.many_arguments,
        "core/a.py",
        "@dataclass\nclass A:\n    a: int\n    b: int\n    c: int\n    d: int\n    e: int\n",
    ),
    (meter.many_arguments, "cli/check.py", "def check(a, b, c, d, e, f, g): ..."),
    (meter.many_arguments, "cli/check.py", "@application.command()\ndef f(a, b, c, d, e, f, g): ..."),
    (meter.many_arguments, "clinical/rules/a.py", f"def f({PLAIN_ARGUMENTS}): ..."),
    (meter.missing_docstrings, "core/a.py", '"""What it is about."""\n'),
    (meter.empty_names, "core/utilisation.py", ""),
    (meter.talking, "cli/a.py", "import sys\nprint('x', file=sys.stderr)\n"),
    (meter.talking, "core/a.py", "def f(printer):\n    printer.print('x')\n"),
    (meter.rude_endings, "__main__.py", "import sys\nsys.exit(0)\n"),
    (meter.rude_endings, "core/a.py", "try:\n    f()\nexcept ValueError:\n    raise\n"),
    (meter.environment_reads, "settings.py", "import os\nx = os.environ['X']\n"),
    (meter.environment_reads, "core/a.py", "import os\ndef f():\n    return os.cpu_count()\n"),
    (meter.ways_up, "report/a.py", "from hounsfield import __version__\nfrom hounsfield.core.volume import Volume\n"),
    (meter.ways_up, "cli/a.py", "import hounsfield\n"),
    (meter.import_effects, "core/a.py", "import warnings\ndef f():\n    warnings.simplefilter('ignore')\n"),
    (meter.import_effects, "core/a.py", "from pathlib import Path\nX = Path('x') / 'y'\nF = lambda: X.mkdir()\n"),
]


@pytest.mark.parametrize(("measure", "name", "text"), FAULTS)
def test_a_planted_fault_is_found(measure: Measure, name: str, text: str) -> None:
    complaints = measure([Source(name, text)])
    assert len(complaints) >= 1
    assert name in complaints[0] or "median" in complaints[0]


@pytest.mark.parametrize(("measure", "name", "text"), INNOCENT)
def test_the_innocent_neighbour_is_not(measure: Measure, name: str, text: str) -> None:
    assert measure([Source(name, text)]) == []


def test_code_lines_leave_out_docstrings_comments_and_blanks() -> None:
    text = '"""One.\n\nTwo."""\n\nx = """a\nb"""  # text is code\n\n# comment\n'
    text += 'def f():\n    "doc"\n    return (\n        1\n    )\n'
    assert Source("a.py", text).code_lines == {5, 6, 9, 11, 12, 13}


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    package = folder / f"planted_{folder.name.replace('-', '_')}"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    for name, text in modules.items():
        (package / f"{name}.py").write_text(text.replace("PACKAGE", package.name), encoding="utf-8")
    monkeypatch.syspath_prepend(folder)


def planted_cycles(folder: Path) -> list[str]:
    return cycles(import_graph(f"planted_{folder.name.replace('-', '_')}"))


def test_a_cycle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, monkeypatch, a="import PACKAGE.b\n", b="from PACKAGE import c\n", c="from PACKAGE.a import x\n")
    found = planted_cycles(tmp_path)
    assert len(found) == 1
    assert found[0].count("<->") == 2


@pytest.mark.parametrize(
    "hidden",
    [
        "def f():\n    from PACKAGE import a\n    return a\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import PACKAGE.a\n",
    ],
    ids=["in a function", "for type checking"],
)
def test_a_hidden_cycle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    plant(tmp_path, monkeypatch, a="from PACKAGE import b\n", b=hidden)
    assert len(planted_cycles(tmp_path)) == 1


def test_a_diamond_is_no_cycle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        tmp_path, monkeypatch, a="from PACKAGE import b, c\n", b="from PACKAGE import d\n", c="import PACKAGE.d\n", d=""
    )
    assert planted_cycles(tmp_path) == []


def test_read_finds_modules_in_depth(tmp_path: Path) -> None:
    (tmp_path / "image" / "modality").mkdir(parents=True)
    (tmp_path / "image" / "modality" / "ct.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "errors.py").write_text("", encoding="utf-8")
    assert [(source.name, source.room) for source in read(tmp_path)] == [
        ("errors.py", "errors"),
        ("image/modality/ct.py", "image"),
    ]
