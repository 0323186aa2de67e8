"""The plain install has no torch, and asking for help loads nothing heavy."""

import json
import re
import subprocess
import sys
import textwrap
from functools import cache

import pytest

from tests.house.progress import PACKAGE, VERBS, still_to_come

TRAIN_EXTRA = ["torch", "monai", "lightning", "pytorch_lightning", "safetensors", "onnxscript"]
HEAVY = [
    *TRAIN_EXTRA,
    "numpy",
    "scipy",
    "pydicom",
    "highdicom",
    "onnx",
    "onnxruntime",
    "matplotlib",
    "nibabel",
    "PIL",
    "av",
    "numba",
    "llvmlite",
]
TORCH_ROOMS = ("hounsfield.train", "hounsfield.compress", "hounsfield.model.networks")


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def report_of(program: str, *arguments: str) -> dict[str, object]:
    """Run a program whose last line on stderr is JSON."""
    done = run(program, *arguments)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stderr.strip().splitlines()[-1])
    return {**answer, "stdout": done.stdout}


def skip_until_whole(*needed: str) -> None:
    missing = [name for name in still_to_come() if name in needed]
    if missing:
        pytest.skip(f"still to come: {', '.join(missing)}")


def plain_modules() -> list[str]:
    names = [
        ".".join(("hounsfield", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__main__.py"
    ]
    return [name for name in names if not any(name == room or name.startswith(f"{room}.") for room in TORCH_ROOMS)]


def test_the_main_path_leaves_torch_alone() -> None:
    wanted = ["hounsfield", "hounsfield.cli", "hounsfield.pipeline"]
    skip_until_whole("pipeline")
    program = """
        import importlib, json, sys
        for name in sys.argv[2:]:
            importlib.import_module(name)
        print(json.dumps({"loaded": [name for name in sys.argv[1].split() if name in sys.modules]}), file=sys.stderr)
    """
    assert report_of(program, " ".join(TRAIN_EXTRA), *wanted)["loaded"] == []


def test_every_plain_module_imports_where_the_train_extra_is_absent() -> None:
    program = """
        import importlib, json, sys
        from importlib.abc import MetaPathFinder

        ABSENT = set(sys.argv[1].split())

        class Absent(MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ABSENT:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
                return None

        sys.meta_path.insert(0, Absent())
        faults = []
        for name in sys.argv[2:]:
            try:
                importlib.import_module(name)
            except ImportError as error:
                if (error.name or "").partition(".")[0] in ABSENT:
                    faults.append(f"{name}: {error}")
        print(json.dumps({"faults": faults}), file=sys.stderr)
    """
    assert report_of(program, " ".join(TRAIN_EXTRA), *plain_modules())["faults"] == []


HELP = """
    import json, sys
    heavy, sys.argv = sys.argv[1].split(), ["hounsfield", *sys.argv[2:]]
    from hounsfield.cli import main
    try:
        code = main()
    except SystemExit as leave:
        code = leave.code
    loaded = [name for name in heavy if name in sys.modules]
    print(json.dumps({"code": code or 0, "loaded": loaded}), file=sys.stderr)
"""


@cache
def help_of(*verb: str) -> dict[str, object]:
    skip_until_whole("cli", *(f"verb {verb}" for verb in VERBS))
    return report_of(HELP, " ".join(HEAVY), *verb, "--help")


def test_help_loads_nothing_heavy() -> None:
    answer = help_of()
    assert answer["code"] == 0
    assert answer["loaded"] == []


def test_help_lists_every_verb_and_no_other() -> None:
    listed = re.findall(r"^[\s│|]{2,4}([a-z][a-z-]*)\s{2,}\S", str(help_of()["stdout"]), re.MULTILINE)
    assert sorted(set(listed)) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_loads_nothing_heavy(verb: str) -> None:
    answer = help_of(verb)
    assert answer["code"] == 0
    assert answer["loaded"] == []
    assert str(answer["stdout"]).strip()


def test_a_heavy_import_would_be_seen() -> None:
    program = HELP.replace("from hounsfield.cli import main", "import numpy\n    main = lambda: 0")
    assert report_of(program, " ".join(HEAVY), "--help")["loaded"] == ["numpy"]
