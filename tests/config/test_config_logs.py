"""The commands about the archived log: what they print, and with which exit status they end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from service import cli
from service.errors import ArchiveAway
from service.telemetry.logfiles import Files
from service.telemetry.logs import render
from tests.support.tools import environ_of

NOW = datetime.now(UTC)


def work(_):
    """Not called here."""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, quiet_logs):
    """Runs a command with a log folder and an archive; answers status, standard output and standard error."""
    environment = {"archive_url": str(tmp_path / "archive"), "log_folder": str(tmp_path / "lines")}
    for name, value in environ_of(**environment).items():
        monkeypatch.setenv(name, value)

    def go(*arguments, without=()):
        with monkeypatch.context() as patch:
            for name in without:
                patch.delenv(name)
            status = cli.main(work, list(arguments))
        told = capsys.readouterr()
        return status, told.out, told.err

    yield go
    quiet_logs()


@pytest.fixture
def shipped(run, tmp_path):
    """Two lines in the archive."""
    files = Files(tmp_path / "lines", "service")
    for account in ("acct-a", "acct-b"):
        time = NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        files.write(render({"event": "signup.moved", "level": "info", "time": time, "account": account}) + "\n")
    files.close()
    assert run("logs", "ship") == (0, "archived\n", "")
    return tmp_path / "archive"


@pytest.mark.parametrize("command", [["list"], ["verify"], ["read", "--since", "2026-01-01T00:00:00Z"], ["ship"]])
def test_without_an_archive_each_says_what_to_set(run, command):
    status, out, err = run("logs", *command, without=["PANLESS_ARCHIVE_URL"])
    assert (status, out) == (2, "")
    assert "PANLESS_ARCHIVE_URL" in err


def test_an_archive_that_does_not_answer_is_exit_status_2(run, monkeypatch):
    def fail(*_):
        raise ArchiveAway("ConnectionError")

    monkeypatch.setattr("service.archive.Archive.names", fail)
    status, out, err = run("logs", "verify")
    assert (status, out) == (2, "")
    assert "the archive does not answer" in err


def test_an_archive_without_anything_is_not_called_whole(run):
    assert run("logs", "verify")[:2] == (1, "nothing is archived\n")


def test_list_names_the_host_and_its_days(run, shipped):
    status, out, _ = run("logs", "list", "--json")
    (host,) = json.loads(out)
    assert status == 0
    assert (host["manifests"], host["segments"], host["first"]) == (1, 1, host["last"])


def test_verify_is_fine_on_a_whole_archive_and_says_its_head(run, shipped):
    status, out, _ = run("logs", "verify")
    assert status == 0
    assert "1 manifests, 1 segments, 2 lines" in out
    assert run("logs", "verify", "--since", NOW.date().isoformat())[0] == 0


def test_verify_names_file_and_offset_of_what_was_edited(run, shipped):
    (piece,) = shipped.glob("logs/host-*/*/*.gz")
    piece.write_bytes(b"x")
    status, out, _ = run("logs", "verify")
    assert status == 1
    assert f"segment_edited: {piece.relative_to(shipped)} (file service-" in out
    assert ", offset 0)" in out


def test_read_prints_the_lines_of_one_account(run, shipped):
    since = (NOW - timedelta(minutes=1)).isoformat()
    status, out, _ = run("logs", "read", "--since", since, "--account", "acct-b")
    assert status == 0
    assert [json.loads(line)["account"] for line in out.splitlines()] == ["acct-b"]
    assert run("logs", "read", "--since", since, "--request", "req_none")[:2] == (1, "no such lines\n")
    assert run("logs", "read", "--since", since, "--until", since)[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--since", "yesterday"],
        ["read", "--since", "2026-01-01"],
        ["read", "--since", "2026-13-01T00:00:00Z"],
    ],
)
def test_a_time_that_is_none_is_refused_without_being_repeated(run, arguments, capsys):
    with pytest.raises(SystemExit) as end:
        run("logs", *arguments)
    assert end.value.code == 2
    assert arguments[-1] not in capsys.readouterr().err
