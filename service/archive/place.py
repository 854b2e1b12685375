"""The place of the archive: a folder, or an object store that fsspec knows. A name holds nothing, or all that was put there, and never anything else later."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from service.errors import ArchiveAway, ArchiveConflict, ArchiveMissing, SettingsError

#: The package that brings a scheme, for those that our settings take.
PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_PREFIX = re.compile(r"([A-Za-z0-9][A-Za-z0-9._/-]*)?")
#: What a writer that died has left; nobody else writes so long.
_HALF, _HALF_SECONDS = ".half-", 3_600


class Archive:
    """Pieces under names such as `checkpoints/17.json`; folders are made as names ask for them.

    Each method raises ArchiveAway where the place does not answer, or not as it should; whether a `put_once` was done is then not known, and the
    same may be put again.
    """

    @classmethod
    def open(cls, url: str) -> Archive:
        """The archive of a folder's path or of an address such as `s3://bucket/below`. Connects to nothing yet. Raises SettingsError where its package is missing."""
        scheme, mark, rest = url.partition("://")
        if not mark:
            return _Folder(url)
        import fsspec  # a tenth of a second, for those who need it

        try:
            made = fsspec.get_filesystem_class(scheme)
        except ImportError:
            package = PACKAGES.get(scheme, "its package")
            raise SettingsError(f"PANLESS_ARCHIVE_URL needs {package}: `pip install {package}`") from None
        except ValueError:
            raise SettingsError("PANLESS_ARCHIVE_URL has a scheme that fsspec does not know") from None
        return cls(rest.strip("/"), made)

    def __init__(self, root: str, made: Any) -> None:
        self._root, self._made = root, made

    @cached_property
    def _files(self) -> Any:
        """Made at the first use: a connection must not be made before gunicorn forks."""
        return self._made(use_listings_cache=False, skip_instance_cache=True)

    def put_once(self, name: str, data: bytes) -> None:
        """Write a piece. The same under the same name again is fine; another raises ArchiveConflict, and what was there stays."""
        _check(NAME, name)
        try:
            self._create(name, data)
        except FileExistsError:
            if self.read(name) != data:
                raise ArchiveConflict(name) from None

    def _create(self, name: str, data: bytes) -> None:
        """Raises FileExistsError. The store itself refuses the later of two writers (`If-None-Match: *`, `ifGenerationMatch=0`)."""
        with _told():
            self._files.pipe_file(f"{self._root}/{name}", data, mode="create")

    def read(self, name: str) -> bytes:
        """A piece. Raises ArchiveMissing."""
        _check(NAME, name)
        with _told(name):
            data: bytes = self._files.cat_file(f"{self._root}/{name}")
        return data

    def names(self, prefix: str = "") -> list[str]:
        """The names that begin so, sorted."""
        _check(_PREFIX, prefix)
        folder, _, _ = prefix.rpartition("/")
        found: list[str] = []
        with contextlib.suppress(ArchiveMissing), _told():
            found = self._files.find(f"{self._root}/{folder}".rstrip("/"))
        below = (str(path).lstrip("/").removeprefix(f"{self._root.lstrip('/')}/") for path in found)
        return sorted(name for name in below if name.startswith(prefix) and NAME.fullmatch(name))

    def remove(self, name: str) -> None:
        """Take a piece away; one that is not there is fine."""
        _check(NAME, name)
        with contextlib.suppress(ArchiveMissing), _told(name):
            self._files.rm_file(f"{self._root}/{name}")


class _Folder(Archive):
    """A folder on a disk, that only we can read. A piece is written beside its place, then linked to it: the system lets one of two do that."""

    def __init__(self, path: str) -> None:
        super().__init__(str(Path(path).absolute()), _local)

    def _create(self, name: str, data: bytes) -> None:
        place = Path(self._root, name)
        with _told():
            for folder in reversed(place.parents):  # `parents=True` would make those between with another mode
                folder.mkdir(mode=0o700, exist_ok=True)
            half = self._half(place.parent, data)
            try:
                os.link(half, place)
            finally:
                half.unlink()
            _sync(place.parent)

    def _half(self, folder: Path, data: bytes) -> Path:
        descriptor, path = tempfile.mkstemp(prefix=_HALF, dir=folder)  # 0600
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            now = os.fstat(stream.fileno()).st_mtime
        for left in folder.glob(f"{_HALF}*"):
            with contextlib.suppress(FileNotFoundError):  # its writer lives, or somebody else clears away, too
                if left.stat().st_mtime < now - _HALF_SECONDS:
                    left.unlink()
        return Path(path)


def _local(**options: Any) -> Any:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem(**options)


def _sync(folder: Path) -> None:
    """The name, too, must outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(pattern: re.Pattern[str], name: str) -> None:
    if not pattern.fullmatch(name):
        raise ValueError("is no name of a piece")


@contextlib.contextmanager
def _told(name: str = "") -> Iterator[None]:
    """Each store's package has errors of its own, and their texts quote addresses: only the kind goes on."""
    try:
        yield
    except FileExistsError:
        raise
    except FileNotFoundError:
        raise ArchiveMissing(name) from None
    except Exception as error:  # noqa: BLE001 - a store's package may raise what it likes; it is raised on, by its kind
        raise ArchiveAway(type(error).__name__) from None
