"""The house rules that can be read off one file. Each takes a file and answers what it finds wrong, with the line."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE, MAX_FUNCTION, MAX_POSITIONAL = 250, 40, 4
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
}
EVENT = re.compile(r"[a-z][a-z_]*(\.[a-z_]+)*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Rule:
    """`holds_in`: glob patterns below the project's folder; `not_in`: parts of a path that are exempt; `bad`: source that breaks it."""

    name: str
    find: Callable[[Path], Iterator[str]]
    holds_in: tuple[str, ...]
    bad: str
    not_in: tuple[str, ...] = ()

    def files(self) -> list[Path]:
        """The files it speaks about."""
        found = {path for pattern in self.holds_in for path in ROOT.glob(pattern)}
        return sorted(
            path for path in found if not any(part in path.relative_to(ROOT).as_posix() for part in self.not_in)
        )


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _functions(path: Path) -> Iterator[Function]:
    return (node for node in _nodes(path) if isinstance(node, Function))


def _calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted name of what is called."""
    return ((node, ast.unparse(node.func)) for node in _nodes(path) if isinstance(node, ast.Call))


def too_long_files(path: Path) -> Iterator[str]:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > MAX_FILE:
        yield f"{lines} lines"


def too_long_functions(path: Path) -> Iterator[str]:
    for function in _functions(path):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        docstring = ast.get_docstring(function, clean=False)
        lines -= len(docstring.splitlines()) if docstring else 0
        if lines > MAX_FUNCTION:
            yield f"{function.lineno}: {function.name} has {lines} lines"


def too_many_positional_parameters(path: Path) -> Iterator[str]:
    for function in _functions(path):
        names = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
        if len([name for name in names if name not in {"self", "cls"}]) > MAX_POSITIONAL:
            yield f"{function.lineno}: {function.name}({', '.join(names)})"


def modules_without_a_sentence(path: Path) -> Iterator[str]:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    if len(docstring.split()) < 3:
        yield "1: no sentence says what this module is for"


def prints(path: Path) -> Iterator[str]:
    yield from (f"{call.lineno}: print" for call, name in _calls(path) if name == "print")


def clock_readings(path: Path) -> Iterator[str]:
    for call, name in _calls(path):
        if ".".join(name.split(".")[-2:]) in CLOCKS:
            yield f"{call.lineno}: {name}"


def catch_alls(path: Path) -> Iterator[str]:
    """An `except` or a `suppress` of everything would take a charge that may have happened for one that failed. Observers judge no outcome."""
    nodes = list(_nodes(path))
    observers = [one for one in nodes if isinstance(one, Function) and (path.name, one.name) in OBSERVERS]
    allowed = {node for one in observers for node in ast.walk(one)}
    for node in nodes:
        if node in allowed:
            continue
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else ""
            if not caught or EVERYTHING.search(caught):
                yield f"{node.lineno}: except {caught}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
            caught = ", ".join(map(ast.unparse, node.args))
            if EVERYTHING.search(caught):
                yield f"{node.lineno}: suppress({caught})"


EVERYTHING = re.compile(r"\b(Base)?Exception\b")
#: The file and the function: telling metrics of a call that is over; telling of a row that a round could not handle, and leaving it as it is;
#: setting a notice aside under a savepoint in which nobody is called.
OBSERVERS = {("calling.py", "_observed"), ("rounds.py", "each"), ("notice_effects.py", "try_to_apply")}


def log_events_that_vary(path: Path) -> Iterator[str]:
    for call, name in _calls(path):
        owner, _, level = name.rpartition(".")
        if level not in LEVELS or owner.rpartition(".")[2] not in {"log", "_log", "logger", "_logger"}:
            continue
        event = call.args[0].value if len(call.args) == 1 and isinstance(call.args[0], ast.Constant) else None
        if not isinstance(event, str) or not EVENT.fullmatch(event):
            yield f"{call.lineno}: {ast.unparse(call)[:80]}"


def calls_to_bluesnap_in_a_transaction(path: Path) -> Iterator[str]:
    for block in _nodes(path):
        if not isinstance(block, ast.With) or not any(
            ".begin(" in ast.unparse(item.context_expr) for item in block.items
        ):
            continue
        for call in ast.walk(block):
            if isinstance(call, ast.Call) and re.search(r"\bbluesnap\.\w+$", ast.unparse(call.func)):
                yield f"{call.lineno}: {ast.unparse(call.func)}"


def errors_that_carry_others(path: Path) -> Iterator[str]:
    """An error that is raised while another is handled shows that one too, unless it says `from None`: and with it the value that was refused."""
    for handler in _nodes(path):
        if not isinstance(handler, ast.ExceptHandler):
            continue
        for node in ast.walk(handler):
            if isinstance(node, ast.Raise) and node.exc is not None and ast.unparse(node.cause or node.exc) != "None":
                yield f"{node.lineno}: {ast.unparse(node)[:80]}"


def bodies_read_as_forms(path: Path) -> Iterator[str]:
    """Werkzeug lays the large parts of a form into temporary files."""
    for node in _nodes(path):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {f"request.{name}" for name in FORMS}:
            yield f"{node.lineno}: {ast.unparse(node)}"


FORMS = ("form", "files", "values", "stream")
OURS = ("service/**/*.py", "simulator/**/*.py", "dev/**/*.py")
SERVICE = ("service/**/*.py",)
RULES = (
    Rule("a file is at most 250 lines", too_long_files, OURS, "x = 1\n" * 251, not_in=("migrations/versions",)),
    Rule(
        "a function is at most 40 lines",
        too_long_functions,
        OURS,
        "def long():\n" + "    x = 1\n" * 40,
        not_in=("migrations/versions",),
    ),
    Rule("at most four parameters go by position", too_many_positional_parameters, OURS, "def f(a, b, c, d, e): ..."),
    Rule("a module opens with a sentence", modules_without_a_sentence, OURS, '"""Things."""\nx = 1\n'),
    Rule("only the operator's door prints", prints, SERVICE, "print(1)", not_in=("service/cli",)),
    Rule(
        "the clock is read where it is made",
        clock_readings,
        SERVICE,
        "import datetime\nx = datetime.datetime.now(datetime.UTC)",
        not_in=(
            "service/wiring",
            "service/telemetry",
            "service/store/ids.py",
        ),  # ids are sorted by it; nothing is decided by it
    ),
    Rule(
        "nobody catches everything",
        catch_alls,
        ("service/billing/**/*.py", "service/bluesnap/**/*.py"),
        "try:\n    x = 1\nexcept (ValueError, Exception):\n    pass\n",
    ),
    Rule(
        "nobody suppresses everything",
        catch_alls,
        ("service/billing/**/*.py", "service/bluesnap/**/*.py"),
        "with contextlib.suppress(BaseException):\n    charge()\n",
    ),
    Rule(
        "an error of ours carries no other",
        errors_that_carry_others,
        SERVICE,
        "try:\n    x = int(text)\nexcept ValueError as error:\n    raise Refusal(Code.MALFORMED) from error\n",
    ),
    Rule("a log event is a constant", log_events_that_vary, SERVICE, 'log.info(f"paid {amount}")'),
    Rule("no body is read as a form", bodies_read_as_forms, SERVICE, 'x = request.form["card"]'),
    Rule(
        "no call to BlueSnap within a transaction",
        calls_to_bluesnap_in_a_transaction,
        SERVICE,
        "with tools.database.begin() as session:\n    tools.bluesnap.create_shopper(payer)\n",
    ),
)
