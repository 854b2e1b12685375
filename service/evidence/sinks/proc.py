"""What Linux tells of running processes: children, arguments, environment, open files, limits, memory. Reads /proc (proc(5)) and changes nothing, but for the one write that a test of the search asks for."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from service.evidence.pieces import Piece, SinkError
from service.evidence.sinks.base import Part, pieces_of_stream

PROC = Path("/proc")
_CLOSED = "{} of a process is closed to us: run as root, or as one who may trace it"


def families(heads: Mapping[str, int]) -> dict[str, list[int]]:
    """The process of each name and all below it, parents first. One that has ended is left out."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    return {name: [pid for pid in _below(head, children) if alive(pid)] for name, head in heads.items()}


def _below(head: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    yield head
    for child in sorted(children.get(head, [])):
        yield from _below(child, children)


def _parents() -> Iterator[tuple[int, int]]:
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile
            yield int(folder.name), _parent(folder)


def _parent(folder: Path) -> int:
    # the name, in brackets, may hold blanks and brackets itself; state and parent follow the last one
    return int((folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody has asked after does not."""
    try:
        told = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] not in {"Z", "X"}


def everybody(processes: Mapping[str, Iterable[int]]) -> Iterator[tuple[str, int]]:
    """(`name.number`, pid) of each: what a reader may be told of a process, since pids say nothing afterwards."""
    for name, pids in processes.items():
        for number, pid in enumerate(pids):
            yield f"{name}.{number}", pid


def content(pid: int, name: str) -> bytes | None:
    """A file of a process, such as `cmdline`; None if it has ended. Raises SinkError where we may not read it."""
    try:
        return (PROC / str(pid) / name).read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        raise SinkError(_CLOSED.format(name)) from None


def current_folder(pid: int) -> set[Path]:
    """Where a process is at work; empty if it has ended, or that is closed to us."""
    with contextlib.suppress(OSError):
        return {(PROC / str(pid) / "cwd").readlink()}
    return set()


def open_files(pid: int, *, besides: Container[tuple[int, int]]) -> Iterator[tuple[int, IO[bytes]]]:
    """The plain files that a process holds open, deleted ones too, each with its number and opened for us; `besides` are device and inode of
    those to be left out. Raises SinkError where we may not look.
    """
    try:
        links = sorted((PROC / str(pid) / "fd").iterdir(), key=lambda link: int(link.name))
    except PermissionError:
        raise SinkError(_CLOSED.format("open files")) from None
    except OSError:  # it has ended
        return
    for link in links:
        with contextlib.suppress(OSError):  # closed meanwhile
            state = link.stat()
            if stat.S_ISREG(state.st_mode) and (state.st_dev, state.st_ino) not in besides:
                with link.open("rb") as stream:
                    yield int(link.name), stream


@dataclass(frozen=True)
class Region:
    """A range of addresses of a process: `name` is what lies there."""

    start: int
    end: int
    name: str

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start


def regions(pid: int) -> list[Region]:
    """What a process can read and write: only there can anything lie that was not there before. Raises SinkError where we may not look."""
    lines = (content(pid, "maps") or b"").decode("utf-8", "replace").splitlines()
    parts = [line.split(maxsplit=5) for line in lines]
    return [_region(part) for part in parts if part[1].startswith("rw")]


def _region(part: list[str]) -> Region:
    start, end = (int(address, 16) for address in part[0].split("-"))
    named = part[5].rpartition("/")[2] if len(part) > 5 else "anonymous"
    return Region(start, end, named)


def memory(pid: int, region: Region, place: str) -> Iterator[Piece]:
    """A region in chunks; nothing of what is gone meanwhile. Raises SinkError where we may not look."""
    with _memory(pid, "rb") as stream:
        if stream is not None:
            with contextlib.suppress(OSError):  # the region, or the process, has gone meanwhile
                stream.seek(region.start)
                yield from pieces_of_stream(_Within(stream, region.size), place, Part(), binary=True)


def read_memory(pid: int, address: int, size: int) -> bytes:
    """Some bytes. Raises SinkError where we may not look, or nothing is there."""
    with _memory(pid, "rb") as stream:
        if stream is None:
            raise SinkError("the process has ended")
        stream.seek(address)
        return stream.read(size)


def write_memory(pid: int, address: int, value: bytes) -> None:
    """Put bytes there. Raises SinkError where we may not."""
    with _memory(pid, "r+b") as stream:
        if stream is None:
            raise SinkError("the process has ended")
        stream.seek(address)
        stream.write(value)


class _Within:
    """The next so many bytes of a stream, as a stream."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int) -> bytes:
        """At most so many."""
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


@contextlib.contextmanager
def _memory(pid: int, mode: Literal["rb", "r+b"]) -> Iterator[IO[bytes] | None]:
    with contextlib.ExitStack() as opened:
        try:
            stream: IO[bytes] | None = opened.enter_context((PROC / str(pid) / "mem").open(mode, buffering=0))
        except PermissionError:
            raise SinkError(_CLOSED.format("memory")) from None
        except OSError:
            stream = None
        yield stream
