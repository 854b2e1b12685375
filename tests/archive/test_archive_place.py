"""A piece of the archive: written once, whole or not at all, by one of any number of writers."""

from __future__ import annotations

import os
import stat
import threading
import uuid

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from service.archive import Archive, ArchiveAway, ArchiveConflict, ArchiveMissing
from service.errors import SettingsError


@pytest.fixture(params=["folder", "store"])
def archive(request, tmp_path):
    return Archive.open(str(tmp_path / "archive") if request.param == "folder" else f"memory://{uuid.uuid4()}/below")


def test_a_piece_is_read_as_it_was_put(archive):
    archive.put_once("checkpoints/1.json", b"one\0")
    assert archive.read("checkpoints/1.json") == b"one\0"


def test_the_same_content_may_be_put_again(archive):
    archive.put_once("a/1", b"one")
    archive.put_once("a/1", b"one")
    assert archive.names() == ["a/1"]


def test_other_content_under_a_name_is_refused_and_changes_nothing(archive):
    archive.put_once("a/1", b"one")
    with pytest.raises(ArchiveConflict):
        archive.put_once("a/1", b"two")
    assert archive.read("a/1") == b"one"


def test_names_are_sorted_and_chosen_by_how_they_begin(archive):
    for name in ("b/2", "a/1.json", "b/10", "bc/1", "c"):
        archive.put_once(name, b"x")
    assert archive.names("b") == ["b/10", "b/2", "bc/1"]
    assert archive.names("b/1") == ["b/10"]
    assert archive.names() == ["a/1.json", "b/10", "b/2", "bc/1", "c"]


def test_an_archive_that_was_never_written_to_has_no_names(archive):
    assert archive.names("logs/") == []


def test_a_piece_that_is_not_there_is_missing(archive):
    with pytest.raises(ArchiveMissing):
        archive.read("a/1")


def test_removing_takes_a_piece_away_and_forgives_a_missing_one(archive):
    archive.put_once("a/1", b"one")
    archive.remove("a/1")
    archive.remove("a/1")
    assert archive.names() == []


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a//b", ".half-1", "a/.b", "a b", "a\n", "a/"])
def test_a_name_that_could_leave_the_archive_is_refused(archive, name):
    for act in (archive.read, archive.remove, lambda bad: archive.put_once(bad, b"")):
        with pytest.raises(ValueError, match="is no name"):
            act(name)


def test_of_many_writers_at_once_one_wins_and_the_others_know(tmp_path):
    archive, start, lost = Archive.open(str(tmp_path / "archive")), threading.Barrier(8), []

    def write(number):
        start.wait()
        try:
            archive.put_once("a/1", str(number).encode() * 100_000)
        except ArchiveConflict:
            lost.append(number)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    kept = archive.read("a/1")
    assert len(lost) == 7
    assert kept == kept[:1] * 100_000
    assert int(kept[:1]) not in lost


def test_a_writer_that_dies_leaves_no_piece_and_its_half_goes_away(tmp_path, monkeypatch):
    archive = Archive.open(str(tmp_path))

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", die)
        patch.setattr("pathlib.Path.unlink", die)
        with pytest.raises(KeyboardInterrupt):
            archive.put_once("a/1", b"one")
    (half,) = (tmp_path / "a").iterdir()
    assert archive.names() == []
    archive.put_once("a/2", b"two")
    assert half.exists()  # its writer may live
    os.utime(half, (0, 0))
    archive.put_once("a/1", b"other")
    assert not half.exists()
    assert archive.names() == ["a/1", "a/2"]


def test_folders_and_pieces_are_private(tmp_path):
    Archive.open(str(tmp_path / "archive")).put_once("a/1", b"one")
    modes = {stat.S_IMODE((tmp_path / "archive" / path).stat().st_mode) for path in ("", "a")}
    assert modes == {0o700}
    assert stat.S_IMODE((tmp_path / "archive" / "a" / "1").stat().st_mode) == 0o600


def test_a_place_that_fails_is_away_and_its_text_is_not_repeated(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveAway) as told:
        Archive.open(str(tmp_path / "file")).put_once("a/1", b"one")
    assert str(told.value) == "NotADirectoryError"

    def fail(*_, **__):
        raise RuntimeError("https://user:secret@store.example")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fail)
    with pytest.raises(ArchiveAway) as told:
        Archive.open("memory://x").put_once("a/1", b"one")
    assert str(told.value) == "RuntimeError"
    assert told.value.__cause__ is None


def test_a_scheme_without_its_package_says_what_to_install(monkeypatch):
    def lacking(_scheme):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.get_filesystem_class", lacking)
    with pytest.raises(SettingsError, match="needs s3fs: `pip install s3fs`"):
        Archive.open("s3://bucket/logs")


def test_a_scheme_that_nobody_knows_is_a_wrong_setting():
    with pytest.raises(SettingsError, match="PANLESS_ARCHIVE_URL"):
        Archive.open("nothing://x")
