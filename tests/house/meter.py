"""The measures: each takes the modules of a package and returns its complaints, one line each."""

import ast
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from tests.house.source import Function, Source, dotted, import_time

Complaints = list[str]

MEDIAN_LINES = 150
LARGEST_LINES = 500
LISTED_CODE_LINES = 40
LARGEST_CODE_LINES = 60
LARGEST_ARGUMENTS = 6

TALKING_ROOMS = {"cli"}
ENDING_ROOMS = {"cli", "__main__"}
READING_ROOMS = {"settings"}

_NAMES_OF_NOTHING = re.compile(r"^_?(utils?|helpers?|common|misc|stuff|tools?)$")
_IMPORT_TIME_CALLS = {
    "warnings.filterwarnings",
    "warnings.simplefilter",
    "logging.basicConfig",
    "logging.captureWarnings",
    "logging.disable",
    "random.seed",
    "np.random.seed",
    "numpy.random.seed",
    "torch.manual_seed",
    "torch.set_num_threads",
    "os.makedirs",
    "os.mkdir",
    "os.chdir",
    "print",
    "open",
}
_IMPORT_TIME_METHODS = {"mkdir", "touch", "write_text", "write_bytes", "addHandler", "setLevel"}
_ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv", "environ", "getenv"}
_STREAMS = {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}
_PLAIN = {"bool", "float", "int", "str"}
_ENDINGS = {"sys.exit", "os._exit", "exit", "quit"}


def file_sizes(sources: Sequence[Source]) -> Complaints:
    sizes = {source.name: source.line_count for source in sources}
    complaints = [
        f"{name}: {size} lines, at most {LARGEST_LINES}" for name, size in sizes.items() if size > LARGEST_LINES
    ]
    if sizes and statistics.median(sizes.values()) > MEDIAN_LINES:
        complaints.append(f"the median file has {statistics.median(sizes.values())} lines, at most {MEDIAN_LINES}")
    return complaints


def long_functions(sources: Iterable[Source], limit: int = LARGEST_CODE_LINES) -> Complaints:
    return [
        f"{source.at(function)} {function.name}: {source.function_length(function)} code lines, at most {limit}"
        for source in sources
        for function in source.functions()
        if source.function_length(function) > limit
    ]


def many_arguments(sources: Iterable[Source]) -> Complaints:
    """A dataclass has no written constructor, a verb takes its options and a formula its inputs; all else counts."""
    return [
        f"{source.at(function)} {function.name}: {_argument_count(function)} arguments, at most {LARGEST_ARGUMENTS}"
        for source in sources
        for function in source.functions()
        if _argument_count(function) > LARGEST_ARGUMENTS
        and not _is_verb(source, function)
        and not _is_formula(source, function)
    ]


def _is_verb(source: Source, function: Function) -> bool:
    """Say whether a function is a command: in ``cli``, and decorated or named like its module (``check.check``)."""
    return source.room == "cli" and (bool(function.decorator_list) or function.name == PurePosixPath(source.name).stem)


def _is_formula(source: Source, function: Function) -> bool:
    """Say whether a function is a published formula: in ``clinical/rules``, public, of plain values (decision 16)."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    plain = all(isinstance(item.annotation, ast.Name) and item.annotation.id in _PLAIN for item in arguments)
    return source.name.startswith("clinical/rules/") and not function.name.startswith("_") and plain


def _argument_count(function: Function) -> int:
    arguments = [*function.args.posonlyargs, *function.args.args]
    if arguments and arguments[0].arg in {"self", "cls"}:
        arguments = arguments[1:]
    return len(arguments) + len(function.args.kwonlyargs)


def missing_docstrings(sources: Iterable[Source]) -> Complaints:
    return [f"{source.name}: no module docstring" for source in sources if not ast.get_docstring(source.tree)]


def empty_names(sources: Iterable[Source]) -> Complaints:
    return [
        f"{source.name}: {part!r} names nothing; a helper belongs to a noun or a room"
        for source in sources
        for part in PurePosixPath(source.name).with_suffix("").parts
        if _NAMES_OF_NOTHING.match(part)
    ]


def talking(sources: Iterable[Source]) -> Complaints:
    return [
        f"{source.at(node)}: only cli talks"
        for source in sources
        if source.room not in TALKING_ROOMS
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Call) and dotted(node.func) == "print") or dotted(node) in _STREAMS
    ]


def rude_endings(sources: Iterable[Source]) -> Complaints:
    return [
        f"{source.at(node)}: {ending} below the command line"
        for source in sources
        if source.room not in ENDING_ROOMS
        for node in ast.walk(source.tree)
        if (ending := _rude_ending(node))
    ]


def _rude_ending(node: ast.AST) -> str:
    if isinstance(node, ast.Assert):
        return "assert"
    if isinstance(node, ast.ExceptHandler) and node.type is None:
        return "bare except"
    if isinstance(node, ast.Call) and dotted(node.func) in _ENDINGS:
        return dotted(node.func)
    if isinstance(node, ast.Raise) and node.exc is not None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return "SystemExit" if dotted(raised) == "SystemExit" else ""
    return ""


def environment_reads(sources: Iterable[Source]) -> Complaints:
    return [
        f"{source.at(node)}: only settings reads the environment"
        for source in sources
        if source.room not in READING_ROOMS
        for node in ast.walk(source.tree)
        if _reads_environment(node)
    ]


def _reads_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom) and node.module == "os":
        return any(alias.name in _ENVIRONMENT for alias in node.names)
    return isinstance(node, ast.Attribute) and dotted(node) in _ENVIRONMENT


def ways_up(sources: Iterable[Source]) -> Complaints:
    """The package lends its public names to people; a room that took one would go round the floors unseen."""
    return [
        f"{source.at(node)}: a room imports from another by its full name, not through the package"
        for source in sources
        if source.room not in ENDING_ROOMS
        for node in ast.walk(source.tree)
        if _goes_up(node)
    ]


def _goes_up(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "hounsfield" or alias.name.startswith("hounsfield.") for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module == "hounsfield":
        return any(alias.name != "__version__" for alias in node.names)
    return False


def import_effects(sources: Iterable[Source]) -> Complaints:
    return [
        f"{source.at(node)}: {ast.unparse(node)[:60]} runs when the module is imported"
        for source in sources
        for node in import_time(source.tree)
        if isinstance(node, ast.Call) and _has_effect(node)
    ]


def _has_effect(call: ast.Call) -> bool:
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return dotted(call.func) in _IMPORT_TIME_CALLS or method in _IMPORT_TIME_METHODS
