"""What the machine holds of our processes: temporary and open files, arguments and environments, memory, core dumps. Linux only."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks import proc
from service.evidence.sinks.base import Copy, Part, Seen, changed, pieces_of_file, pieces_of_stream, seen_in, text_of

_PLANT = "evidence-planted"
_CORE = re.compile(r"core|core\..*|.*\.core|.*\.dmp|.*\.crash")
_CORE_LIMIT = re.compile(rb"^Max core file size +(\S+)", re.MULTILINE)
_PATTERN = Path("/proc/sys/kernel/core_pattern")
#: Says when it has begun: before that it has no arguments yet.
_WAITS = b"import sys; print(flush=True); sys.stdin.read()"


def _of_ours(copy: Copy, *parts: str) -> Mapping[str, list[int]]:
    return {name: pids for name, pids in copy.processes().items() if name in parts}


class TemporaryFiles:
    """S17."""

    id = "S17"
    name = (
        "temporary files, and every file that service or worker hold open, in memory file systems and deleted ones too"
    )

    def __init__(self, copy: Copy) -> None:
        self._copy = copy

    def mark(self) -> None:
        """A mapped file changes without a sign: all are read. What was planted is taken away."""
        (self._copy.temporary / _PLANT).unlink(missing_ok=True)

    def read(self) -> Iterator[Piece]:
        """The temporary folder, then the open files that lie elsewhere. Raises SinkError where processes are closed to us."""
        top = self._copy.temporary
        for file in sorted(seen_in(top)):
            yield from pieces_of_file(file, f"tmp/{file.relative_to(top).as_posix()}", binary=True)
        files = [*self._copy.logs.iterdir(), *seen_in(self._copy.kept_lines[0])]
        logs = {(file.stat().st_dev, file.stat().st_ino) for file in files}
        for name, pid in proc.everybody(_of_ours(self._copy, "service", "worker")):
            for number, stream in proc.open_files(pid, besides=logs):
                yield from pieces_of_stream(stream, f"{name}, open file {number}", Part(), binary=True)

    def plant(self, value: bytes) -> None:
        """A file in the temporary folder."""
        (self._copy.temporary / _PLANT).write_bytes(value)


class Arguments:
    """S18. Our own secrets stand in the environment by right: the caller searches for canaries only."""

    id = "S18"
    name = "arguments, environment and names of all processes, the database server's too"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._planted: list[subprocess.Popen[bytes]] = []

    def mark(self) -> None:
        """They are what they are at a moment; only the process that was planted is ended."""
        while self._planted:
            self._planted.pop().communicate()

    def read(self) -> Iterator[Piece]:
        """One piece for each of them. Raises SinkError where processes are closed to us."""
        ours = {**_of_ours(self._copy, "service", "worker", "postgres"), "command": [one.pid for one in self._planted]}
        for name, pid in proc.everybody(ours):
            for what in ("cmdline", "environ", "comm"):
                data = proc.content(pid, what)
                if data:
                    yield Piece(f"{name}, {what}", data.replace(b"\0", b"\n"))

    def plant(self, value: bytes) -> None:
        """A process with the value as an argument, which waits. Raises SinkError if the value is no text."""
        text_of(value)
        command = [sys.executable.encode(), b"-c", _WAITS, value]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self._planted.append(process)
        if process.stdout is None or not process.stdout.readline():
            raise SinkError("the process that was to hold the value has not begun")


class Memory:
    """S19. What was refused stays in memory until it is used again: call `recycle` of the copy first."""

    id = "S19"
    name = "memory of gunicorn's workers: everything that they can write to"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._undo: list[tuple[int, int, bytes]] = []

    def mark(self) -> None:
        """Memory has no age: only what was planted is taken away."""
        while self._undo:
            pid, address, before = self._undo.pop()
            if proc.alive(pid):
                proc.write_memory(pid, address, before)

    def read(self) -> Iterator[Piece]:
        """Region by region. Raises SinkError where we may not look."""
        for number, pid in enumerate(self._copy.processes()["service"][1:], 1):
            for region in proc.regions(pid):
                yield from proc.memory(pid, region, f"service.{number}, {region.name}")

    def plant(self, value: bytes) -> None:
        """Below the reach of a worker's stack, where nothing is in use. Raises SinkError where we may not write."""
        pid = self._copy.processes()["service"][1]
        stack = next((region for region in proc.regions(pid) if region.name == "[stack]"), None)
        if stack is None or len(value) > stack.size // 4:
            raise SinkError("the value does not fit below a worker's stack")
        self._undo.append((pid, stack.start, proc.read_memory(pid, stack.start, len(value))))
        proc.write_memory(pid, stack.start, value)


class CoreDumps:
    """S20. The database server runs outside the service, and its limit is its operator's business; its dumps are looked for all the same."""

    id = "S20"
    name = "core dumps in the folders of all processes; service and worker may make none"

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._before: Seen = self._now()
        self._plant = copy.temporary / "core.planted"

    def mark(self) -> None:
        """Note what is there; what was planted is taken away."""
        self._plant.unlink(missing_ok=True)
        self._before = self._now()

    def read(self) -> Iterator[Piece]:
        """Dumps made since. Raises SinkError after them if there is one, or a process may make one."""
        found = changed(self._before, self._now())
        for file in found:
            yield from pieces_of_file(file, f"core dump {file.name}", binary=True)
        real = [file.name for file in found if file != self._plant]
        if real:
            raise SinkError(f"there are core dumps: {', '.join(real)}")
        able = [name for name, pid in proc.everybody(_of_ours(self._copy, "service", "worker")) if _may_dump(pid)]
        if able:
            raise SinkError(f"these may write core dumps: {', '.join(able)}")

    def plant(self, value: bytes) -> None:
        """A file that is called as a dump is."""
        self._plant.write_bytes(value)

    def _now(self) -> Seen:
        """In our folder all the way down; in the others, which are not ours alone, at the top."""
        pattern = _PATTERN.read_text(encoding="utf-8").strip() if _PATTERN.is_file() else ""
        folders = {Path(pattern).parent} if pattern.startswith("/") else set()
        for _, pid in proc.everybody(self._copy.processes()):
            folders |= proc.current_folder(pid)
        found = {**seen_in(self._copy.folder, besides=[self._copy.cluster])}
        for folder in folders:
            found |= seen_in(folder, deep=False)
        return {file: state for file, state in found.items() if _CORE.fullmatch(file.name)}


def _may_dump(pid: int) -> bool:
    limits = proc.content(pid, "limits")
    if limits is None:
        return False
    found = _CORE_LIMIT.search(limits)
    return found is None or found[1] != b"0"
