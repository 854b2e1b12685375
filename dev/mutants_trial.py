"""Runs the tests against one mutant after the other, each in a forked process that ends with it. The changed module exists in memory alone.

Modules and tests are those of the folder that we are in.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from dev.errors import DevError
from dev.mutants_changes import Mutant

KILLED, SURVIVED, TOO_LONG = "killed", "survived", "too long"
_PLUGINS = ("pytest_timeout", "pytest_socket")
#: What is not loaded before the forks: what changes, and what pytest itself wants to load.
_NOT_BEFORE = ("service", "tests", "dev", "simulator", *_PLUGINS)
#: A mutant may loop for ever and fill its memory on the way.
_MEMORY = 4 * 2**30


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. `by` is the test that failed, or what happened instead."""

    result: str
    by: str = ""


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Puts one changed module in the place of the one on disk."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, fullname: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """PEP 451."""
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def create_module(self, _spec: ModuleSpec) -> None:
        """The usual one."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)  # noqa: S102 - our own source with one change


class _Watch:
    """A pytest plugin: leaves out what needs a database or takes long, and remembers the first test that failed."""

    failed = ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep the quick ones."""
        items[:] = [one for one in items if "databases" not in one.fixturenames and not one.get_closest_marker("long")]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A test failed."""
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        """A file could not be read."""
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _run(tests: Sequence[str]) -> str:
    """The first test that fails, empty if none does. Each file by itself, so that the first failure is not waited for by collecting the rest."""
    import pytest

    for test in tests:
        watch = _Watch()
        plugins = [f"-p{name}" for name in _PLUGINS]
        status = pytest.main(
            ["-x", "-q", "--no-header", "--no-summary", "-pno:cacheprovider", *plugins, test], plugins=[watch]
        )
        if status not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            return watch.failed or f"{test}: pytest ended with {int(status)}"
    return ""


def _forked(act: Callable[[], str]) -> tuple[int, int]:
    """Do something in a child process. Its number, and the end of a pipe that tells what came of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.write(writing, act().encode("utf-8", "replace")[:60_000])
        status = 0
    except BaseException as error:  # noqa: BLE001 - whatever a mutant does ends with its process
        os.write(writing, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:1_000])
    finally:
        os._exit(status)


def _told(reading: int) -> str:
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode("utf-8", "replace")


def _finished(child: int, reading: int, limit: float) -> str | None:
    """What a child told, None if it took longer than `limit` seconds and was ended."""
    ready = select.select([reading], [], [], limit)[0]
    if not ready:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    told = _told(reading)
    os.waitpid(child, 0)
    return told if ready else None


def prepare(unchanged: Mutant, files: Sequence[str]) -> float:
    """Run the tests of a module as it is, and load here what they need besides our own code. Seconds that they took.

    Raises DevError if one fails, or if the module as it is would be taken for a mutant that was noticed.
    """

    def act() -> str:
        failed = _run(files)
        others = [name for name in sys.modules if name.partition(".")[0] not in _NOT_BEFORE]
        return "\n".join([failed, *others])

    told = _finished(*_forked(act), limit=300) or "they took longer than five minutes"
    failed, *others = told.split("\n")
    if failed:
        message = f"the tests must pass before anything is changed: {failed}"
        raise DevError(message)
    for name in others:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    started = time.monotonic()
    [(_, verdict)] = tried([(unchanged, "")], files, limit=300, processes=1)
    if verdict.result != SURVIVED:
        message = f"a module without a change was taken for one with a change: {verdict.by}"
        raise DevError(message)
    return time.monotonic() - started


def _try(mutant: Mutant, files: Sequence[str], first: str) -> str:
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    name = mutant.module.removesuffix(".py").replace("/", ".")
    sys.meta_path.insert(0, _Changed(name, Path(mutant.module).resolve(), mutant.source))
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a module that cannot be imported is noticed by every test
        return f"import: {type(error).__name__}"
    return _run([first, *files] if first else files)


@dataclass
class _Child:
    mutant: Mutant
    process: int
    reading: int
    until: float


def tried(
    waiting: Iterable[tuple[Mutant, str]], files: Sequence[str], *, limit: float, processes: int
) -> Iterator[tuple[Mutant, Verdict]]:
    """Try each mutant, its test to begin with beside it, so many at a time. Each is told as soon as it is known; one that takes longer than `limit` seconds is ended."""
    rest = iter(waiting)
    running: list[_Child] = []
    try:
        while True:
            for mutant, first in rest if len(running) < processes else ():
                process, reading = _forked(lambda mutant=mutant, first=first: _try(mutant, files, first))  # type: ignore[misc]
                running.append(_Child(mutant, process, reading, time.monotonic() + limit))
                if len(running) == processes:
                    break
            if not running:
                return
            yield from _ended(running)
    finally:
        for child in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process, signal.SIGKILL)
            os.waitpid(child.process, 0)


def _ended(running: list[_Child]) -> Iterator[tuple[Mutant, Verdict]]:
    """Those that came to an end, or were brought to one; waits for the first."""
    soonest = max(0.0, min(child.until for child in running) - time.monotonic())
    ready = select.select([child.reading for child in running], [], [], soonest)[0]
    for child in list(running):
        late = time.monotonic() > child.until
        if child.reading in ready or late:
            running.remove(child)
            told = _finished(child.process, child.reading, 0 if late else 5)
            if told is None:
                yield child.mutant, Verdict(TOO_LONG, "it did not come to an end")
            else:
                yield child.mutant, Verdict(KILLED, told) if told else Verdict(SURVIVED)
