"""What lies in folders and in the archive: line after line, also of what is compressed. Rewrites nothing but lines whose card data is to be struck out."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from service.archive import Archive, ArchiveMissing
from service.evidence.pieces import SinkError

#: So much is unpacked of one piece, and so much of a line is looked at together.
MOST, LINE = 256 * 1024 * 1024, 1024 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, repr=False)
class Line:
    """A line, its number, and the byte at which it begins (of what is compressed: in the plain text)."""

    number: int
    offset: int
    data: bytes


def below(folder: Path) -> list[Path]:
    """Every plain file of a folder and the folders in it, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def plain(data: bytes, place: str) -> bytes:
    """The data, unpacked if it is gzip. Raises SinkError for what is broken, and for more than is unpacked."""
    if not data.startswith(_GZIP):
        return data
    stream, found = zlib.decompressobj(47), bytearray()
    try:
        while data:
            found += stream.decompress(data, MOST + 1 - len(found))
            if len(found) > MOST:
                raise SinkError(f"{place} holds more than is unpacked")
            data = stream.unused_data if stream.eof else b""
            stream = zlib.decompressobj(47) if data else stream
    except zlib.error:
        raise SinkError(f"{place} is broken") from None
    return bytes(found)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """A file's plain content, and whether it stands in the file as it is. Raises OSError, SinkError."""
    with path.open("rb") as stream:
        packed = stream.read(len(_GZIP)) == _GZIP
        stream.seek(0)
        yield (io.BytesIO(plain(stream.read(), path.name)), False) if packed else (stream, True)


def lines(stream: BinaryIO) -> Iterator[Line]:
    """One after the other; one without end is cut."""
    number, offset = 1, 0
    while data := stream.readline(LINE):
        yield Line(number, offset, data)
        offset += len(data)
        number += data.endswith(b"\n")


def strike_file(path: Path, offset: int, line: bytes) -> None:
    """Write over a line of a file that is not compressed, in its place: a process that appends to it goes on."""
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(line)


def strike_piece(archive: Archive, name: str, strike: Callable[[bytes], bytes]) -> None:
    """Put a piece of the archive anew, with its lines struck. A piece that is written once is taken away first; `logs verify` will say that it differs."""
    try:
        packed = archive.read(name)
    except ArchiveMissing:
        return
    text = b"".join(strike(line.data) for line in lines(io.BytesIO(plain(packed, name))))
    anew = gzip.compress(text, mtime=0) if packed.startswith(_GZIP) else text
    archive.remove(name)
    archive.put_once(name, anew)
