"""Every sink gives what came after its mark, finds what is planted in it, and says so where it cannot be read."""

from __future__ import annotations

import gzip
import io
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.evidence import sinks
from service.evidence.canaries import marker
from service.evidence.customer import Customer
from service.evidence.pieces import SinkError
from service.evidence.sinks import base, proc
from service.evidence.sinks.calls import call
from service.evidence.sinks.cluster import _segment
from service.evidence.sinks.logfiles import LogArchive, OwnLogs, ServerLog
from service.evidence.sinks.machine import Arguments, CoreDumps, Memory, TemporaryFiles
from service.evidence.sinks.receiver import Receiver
from service.evidence.sinks.web import Answers, Cacheable, Events, Metrics, Provider
from service.evidence.sinks.work import Artefacts, Commands
from service.evidence.wire import Traffic, request, understand

#: No text, so that it can only lie where bytes can.
NO_TEXT = b"\xff\xfe1\x002\x00"
FINE = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok"
OPEN = FINE.replace(b"Cache-Control: no-store\r\n", b"")


def ids_of_running():
    """The first numbers of the sinks that a running copy has."""
    return sorted({*sinks.SINKS} - {*sinks.ABSENT, "S08", "S09", "S10", "S22", "S25"})


def places(sink, value):
    return [piece.place for piece in sink.read() if value in piece.data]


@pytest.fixture
def copy(tmp_path):
    """What sinks need of a copy, with this process as its only one, and nothing behind it."""
    for name in ("logs", "tmp", "cluster", "lines", "archive"):
        (tmp_path / name).mkdir()
    return SimpleNamespace(
        folder=tmp_path,
        logs=tmp_path / "logs",
        temporary=tmp_path / "tmp",
        cluster=tmp_path / "cluster",
        kept_lines=(tmp_path / "lines", tmp_path / "archive"),
        commands=[],
        metrics=[],
        processes=lambda: {"service": [os.getpid()]},
    )


# parts of files


def test_parts_of_a_long_stream_overlap_and_know_their_lines(monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 64)
    monkeypatch.setattr(base, "OVERLAP", 16)
    lines = b"".join(b"line %04d\n" % number for number in range(1, 101))
    found = list(base.pieces_of_stream(io.BytesIO(lines), "log", base.Part(0, 1), binary=False))
    assert len(found) > 10
    for piece in found:
        assert len(piece.data) <= 64 + 16
        at = int(piece.place.partition("+")[2] or 0)
        assert lines[at:].startswith(piece.data)
        assert piece.line == 1 + lines[:at].count(b"\n")
    for start in range(len(lines) - 16):
        assert any(lines[start : start + 16] in piece.data for piece in found)


def test_nuls_at_the_end_of_a_part_are_left_out_but_for_four():
    stream = io.BytesIO(b"1\0\0\0" + bytes(5000))
    assert [piece.data for piece in base.pieces_of_stream(stream, "x", base.Part(), binary=True)] == [b"1" + bytes(4)]
    assert list(base.pieces_of_stream(io.BytesIO(bytes(5000)), "x", base.Part(), binary=True)) == []


def test_file_that_has_gone_holds_nothing_and_a_folder_cannot_be_read(tmp_path):
    assert list(base.pieces_of_file(tmp_path / "gone", "gone", binary=True)) == []
    with pytest.raises(SinkError, match="here cannot be read"):
        list(base.pieces_of_file(tmp_path, "here", binary=True))


def test_changed_files_are_new_ones_longer_ones_and_other_ones(tmp_path):
    for name in ("same", "longer", "other", "sub/skipped"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")
    before = base.seen_in(tmp_path, besides=[tmp_path / "sub"])
    (tmp_path / "longer").write_text("aa")
    (tmp_path / "fresh").write_text("b")
    (tmp_path / "fresh").rename(tmp_path / "other")
    (tmp_path / "new").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "same")
    (tmp_path / "sub" / "skipped").write_text("changed")
    now = base.seen_in(tmp_path, besides=[tmp_path / "sub"])
    assert [file.name for file in base.changed(before, now)] == ["longer", "new", "other"]
    assert tmp_path / "sub" / "skipped" in base.seen_in(tmp_path)
    assert tmp_path / "sub" / "skipped" not in base.seen_in(tmp_path, deep=False)


@pytest.mark.parametrize("value", [NO_TEXT, b"with\0NUL"])
def test_value_that_is_no_text_is_refused_where_only_text_can_stand(value):
    with pytest.raises(SinkError):
        base.text_of(value)


@pytest.mark.parametrize(
    ("number", "size", "name"),
    [
        (1, 16 << 20, "000000010000000000000001"),
        (255, 16 << 20, "0000000100000000000000FF"),
        (256, 16 << 20, "000000010000000100000000"),
        (5, 1 << 30, "000000010000000100000001"),
    ],
)
def test_segments_of_the_log_are_named_as_postgresql_names_them(number, size, name):
    assert _segment(number, size, 1) == name


# logs


def test_log_gives_what_came_after_the_mark_with_its_line(copy):
    log = copy.logs / "worker.log"
    log.write_bytes(b"one\ntwo\n")
    sink = OwnLogs(copy)
    sink.mark()
    assert list(sink.read()) == []
    with log.open("ab") as stream:
        stream.write(b"three\n")
    (piece,) = sink.read()
    assert (piece.data, piece.line) == (b"three\n", 3)
    log.write_bytes(b"anew\n")
    assert [(piece.data, piece.line) for piece in sink.read()] == [(b"anew\n", 1)]


def test_archived_lines_are_read_unpacked_and_only_what_is_new(copy):
    (copy.kept_lines[0] / "old.log").write_bytes(b"old\n")
    sink = LogArchive(copy)
    sink.mark()
    (copy.kept_lines[0] / "service.log").write_bytes(b"one\n")
    (copy.kept_lines[1] / "day").mkdir()
    (copy.kept_lines[1] / "day" / "1.gz").write_bytes(gzip.compress(b"two\n"))
    (copy.kept_lines[1] / "day" / "broken.gz").write_bytes(gzip.compress(b"three\n")[:-6])
    found = {piece.place: piece.data for piece in sink.read()}
    assert found == {
        "lines/service.log": b"one\n",
        "day/1.gz": b"two\n",
        "day/broken.gz": gzip.compress(b"three\n")[:-6],
    }
    sink.plant(b"value")
    assert sorted(places(sink, b"value")) == ["archive/planted", "lines/planted"]
    sink.mark()
    assert places(sink, b"value") == []


def test_own_logs_leave_out_the_servers_and_the_simulators(copy):
    for name in ("service", "worker", "migrate", "postgres", "simulator"):
        (copy.logs / f"{name}.log").write_bytes(name.encode())
    assert sorted(piece.data for piece in OwnLogs(copy).read()) == [b"migrate", b"service", b"worker"]
    assert [piece.data for piece in ServerLog(copy).read()] == [b"postgres"]


# the network


def test_answers_since_the_mark_are_given_whole():
    traffic = Traffic()
    traffic.record("early", b"", understand(FINE))
    sink = Answers(traffic)
    sink.mark()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n2\r\n34\r\n0\r\n\r\n"
    traffic.record("late", b"", understand(chunked))
    assert [(piece.place, piece.data) for piece in sink.read()] == [
        ("answer 2 (late)", chunked),
        ("answer 2 (late), body", b"1234"),
    ]


def test_answer_of_the_api_that_a_cache_may_keep_is_a_fault():
    traffic = Traffic()
    sink = Cacheable(traffic)
    traffic.record("fine", request("GET", "/v1/accounts/a"), understand(FINE))
    traffic.record("no answer", request("GET", "/v1/accounts/a"), understand(b""))
    traffic.record("page", request("GET", "/healthz"), understand(OPEN))
    assert [piece.data for piece in sink.read()] == [OPEN]
    traffic.record("wrong", request("GET", "/v1/accounts/a"), understand(OPEN))
    read = sink.read()
    assert [next(read).data, next(read).data] == [OPEN, OPEN]
    with pytest.raises(SinkError, match=r"^1 answers of the API lack .* 4 \(wrong, status 200\)$"):
        next(read)
    sink.mark()
    assert list(sink.read()) == []


def lever_of(requests, dropped=0):
    return lambda name: {"requests": requests, "dropped": dropped} if name == "received" else None


def received(number, **more):
    asked = {"n": number, "method": "POST", "path": "/p", "query": "q=1", "headers": [["A", "b"]], "call": None}
    return asked | {"body": "text"} | more


def test_requests_to_bluesnap_are_given_with_the_bytes_of_their_bodies(copy):
    copy.lever = lever_of([received(1)])
    sink = Provider(copy)
    sink.mark()
    coded = received(3, body=None, body_base64="//4=")
    copy.lever = lever_of([received(1), received(2, call="refund"), coded, received(4, body=None)])
    assert [(piece.place, piece.data) for piece in sink.read()] == [
        ("request 2 (refund)", b"POST /p?q=1\nA: b\n\ntext"),
        ("request 3 (no known call)", b"POST /p?q=1\nA: b\n\n\xff\xfe"),
        ("request 4 (no known call)", b"POST /p?q=1\nA: b\n\n"),
    ]


def test_requests_that_the_simulator_has_forgotten_are_a_fault(copy):
    copy.lever = lever_of([received(1)])
    sink = Provider(copy)
    sink.mark()
    copy.lever = lever_of([received(4)], dropped=3)
    with pytest.raises(SinkError, match="forgotten 2 requests"):
        list(sink.read())


def test_receiver_of_events_keeps_head_and_body():
    with Receiver() as receiver:
        sink = Events(receiver)
        sink.plant(b"first")
        sink.mark()
        assert call(receiver.url, {"id": "evt"}) == (204, b"")
        (piece,) = sink.read()
    assert call(receiver.url, raw=b"too late") == (None, b"")
    assert re.match(rb'POST /events HTTP/1\.1\n(.|\n)*\n\{"id": "evt"\}$', piece.data)


def test_metrics_that_are_not_answered_are_a_fault(copy):
    with Receiver() as receiver:  # which answers no GET
        copy.metrics = [receiver.url, receiver.url]
        with pytest.raises(SinkError, match="the service's metrics"):
            list(Metrics(copy).read())


# the machine


def test_deleted_file_that_a_process_holds_open_is_found(copy, tmp_path):
    value = marker().encode()
    with (tmp_path / "deleted").open("w+b") as stream, (copy.logs / "service.log").open("w+b") as log:
        stream.write(value)
        log.write(value)
        stream.flush()
        log.flush()
        Path(stream.name).unlink()
        assert places(TemporaryFiles(copy), value) == [f"service.0, open file {stream.fileno()}"]


def test_memory_that_a_worker_may_write_is_searched_and_put_back(copy):
    waiting = [sys.executable, "-c", "import sys; kept = 'qx' * 8; sys.stdin.read()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as worker:
        copy.processes = lambda: {"service": [os.getpid(), worker.pid]}
        sink, value = Memory(copy), marker().encode()
        with pytest.raises(SinkError, match="does not fit"):
            sink.plant(value * 100_000)
        sink.plant(value)
        assert places(sink, value) == ["service.1, [stack]"]
        sink.mark()
        assert places(sink, value) == []
        worker.communicate()
    assert list(sink.read()) == []
    with pytest.raises(SinkError, match="has ended"):
        proc.read_memory(worker.pid, 0, 1)


def test_environment_and_arguments_of_each_process_are_read(copy):
    value = marker()
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()", f"a{value}"],
        env={"NAME": f"e{value}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        copy.processes = lambda: {"worker": [child.pid], "simulator": [os.getpid()]}
        found = {piece.place: piece.data for piece in Arguments(copy).read()}
        child.communicate(b"\n")
    assert set(found) == {"worker.0, cmdline", "worker.0, environ", "worker.0, comm"}
    assert f"\na{value}\n".encode() in found["worker.0, cmdline"]
    assert f"NAME=e{value}\n".encode() in found["worker.0, environ"]


@pytest.mark.parametrize("name", ["core", "core.4711", "python.core", "python.1.crash"])
def test_core_dump_is_read_and_is_a_fault(copy, name):
    sink = CoreDumps(copy)
    sink.mark()
    (copy.temporary / "score").write_bytes(b"dump")
    (copy.temporary / name).write_bytes(b"dump")
    read = sink.read()
    assert next(read).place == f"core dump {name}"
    with pytest.raises(SinkError, match=f"there are core dumps: {re.escape(name)}"):
        next(read)


@pytest.mark.parametrize("limit", [0, 1])
def test_process_that_may_write_a_core_dump_is_a_fault(copy, limit):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        resource.prlimit(child.pid, resource.RLIMIT_CORE, (limit, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        copy.processes = lambda: {"worker": [child.pid]}
        sink = CoreDumps(copy)
        if limit:
            with pytest.raises(SinkError, match=r"may write core dumps: worker\.0"):
                list(sink.read())
        else:
            assert list(sink.read()) == []
        child.communicate(b"\n")


def all_are_closed(pid):
    """Whether each look into a process is refused with an error of ours."""
    looks = [
        lambda: proc.content(pid, "environ"),
        lambda: proc.regions(pid),
        lambda: list(proc.open_files(pid, besides=())),
        lambda: proc.read_memory(pid, 4096, 1),
    ]
    return all(_refused(look) for look in looks)


def _refused(look):
    try:
        look()
    except SinkError:
        return True
    return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_process_of_somebody_else_is_a_fault_and_not_clean():
    child = os.fork()
    if not child:
        closed = False
        try:
            os.setuid(65534)
            closed = all_are_closed(os.getppid())
        finally:
            os._exit(0 if closed else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not all_are_closed(os.getpid())


# work


def test_artefacts_are_the_files_written_since_the_mark(copy, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "old").write_text("old")
    sink = Artefacts(copy, [cache, tmp_path / "gone"])
    sink.mark()
    (cache / "v").mkdir()
    (cache / "v" / "new").write_text("new")
    assert [(piece.place, piece.data) for piece in sink.read()] == [("cache/v/new", b"new")]
    with pytest.raises(SinkError, match="none of the folders"):
        Artefacts(copy, [tmp_path / "gone"]).plant(b"value")


def test_commands_are_read_with_both_their_outputs(copy):
    copy.commands.append(base.Done(0, b"early", b""))
    sink = Commands(copy)
    sink.mark()
    copy.commands.append(base.Done(2, b"result", b"complaint"))
    assert [(piece.place, piece.data) for piece in sink.read()] == [
        ("command 2, output", b"result"),
        ("command 2, errors", b"complaint"),
    ]


# all of them


@pytest.fixture
def traffic():
    return Traffic()


@pytest.fixture
def marked(running_stand, traffic, tmp_path):
    found = sinks.all_of(running_stand, traffic, [tmp_path])
    for sink in found:
        sink.mark()
    yield {sink.id.partition("+")[0]: sink for sink in found}
    for sink in found:
        sink.mark()


def test_every_number_of_the_matrix_is_a_sink_or_has_a_reason():
    reasons = sinks.missing([])
    assert list(reasons) == [f"S{number:02}" for number in range(1, 32)]
    assert reasons.items() >= sinks.ABSENT.items()
    assert reasons["S01"] == "not read in this run"


@pytest.mark.leaks
def test_sinks_and_reasons_together_are_the_matrix(running_stand, traffic, tmp_path):
    found = sinks.all_of(running_stand, traffic, [tmp_path])
    assert sinks.missing(found) == dict(sinks.ABSENT)
    assert {sink.id.partition("+")[0] for sink in found} == set(ids_of_running())
    assert sinks.missing(sinks.all_of(running_stand, traffic)).keys() - sinks.ABSENT.keys() == {"S24"}


@pytest.mark.leaks
@pytest.mark.parametrize("number", ids_of_running())
def test_plant_is_found_in_its_sink_and_gone_after_the_mark(marked, number):
    sink, value = marked[number], marker().encode()
    assert places(sink, value) == []
    sink.plant(value)
    found = places(sink, value)
    assert found
    assert not any(value.decode() in place or place.startswith("/") for place in found)
    sink.mark()
    assert places(sink, value) == []


@pytest.mark.leaks
@pytest.mark.parametrize("number", ids_of_running())
def test_plant_that_is_no_text_is_found_or_refused(marked, number):
    sink, value = marked[number], NO_TEXT + marker().encode()
    if number in {"S05", "S14", "S18"}:
        with pytest.raises(SinkError):
            sink.plant(value)
    else:
        sink.plant(value)
        assert places(sink, value)


@pytest.mark.leaks
def test_hit_in_a_table_names_its_column(marked):
    value = marker().encode()
    marked["S01"].plant(value)
    assert places(marked["S01"], value) == [
        "public.evidence_scratch.words",
        "public.evidence_scratch.value (bytes)",
    ]
    assert places(marked["S01"], value.hex().encode()) == ["public.evidence_scratch.value"]


@pytest.mark.leaks
def test_row_that_was_rolled_back_stays_in_the_log_alone(running_stand, marked):
    value = marker().encode()
    with running_stand.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("CREATE TABLE passing (words text)")
        connection.execute("INSERT INTO passing VALUES (%s)", [value.decode()])
    assert places(marked["S01"], value) == []
    found = places(marked["S03"], value)
    assert {place.partition("/")[0] for place in found} == {"pg_wal", "wal_archive"}


@pytest.mark.leaks
def test_backup_is_made_without_its_program_too(running_stand, marked, monkeypatch, tmp_path):
    value = marker().encode()
    marked["S06"].plant(value)
    assert any(place.startswith("backup/") for place in places(marked["S06"], value))
    assert places(marked["S06"], b"COPY public.evidence_scratch") == ["dump"]
    monkeypatch.setattr(running_stand, "programs", tmp_path)
    assert all(place.startswith("backup/base/") for place in places(marked["S06"], value))
    assert places(marked["S06"], value)
    assert places(marked["S06"], b"START WAL LOCATION")[-1] == "backup/backup_label"


@pytest.mark.leaks
def test_program_that_fails_makes_the_sink_fail(running_stand, marked, monkeypatch):
    broken = running_stand.database_url.replace("/panless", "/nobody_knows")
    monkeypatch.setattr(running_stand, "database_url", broken)
    with pytest.raises(SinkError, match="pg_dump failed"):
        list(marked["S06"].read())


@pytest.mark.leaks
def test_names_reach_the_sinks_where_they_belong_and_no_others(running_stand, marked, traffic):
    customer = Customer(running_stand, traffic, running_stand.api_key)
    account = customer.ground("nobody").account.encode()
    running_stand.settle(whole_round=True)
    payer = next(canary.text.encode() for canary in customer.canaries if "first name" in canary.case)
    assert places(marked["S12"], payer)
    for number in ("S01", "S02", "S03", "S06", "S11", "S13"):
        assert places(marked[number], account), number
    for number in ("S04", "S14", "S18", "S20", "S26", "S27"):
        assert places(marked[number], account) + places(marked[number], payer) == [], number
