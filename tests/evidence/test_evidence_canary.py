"""The production canary: every door refuses a test card number, nothing of it stays, and whatever does stay is told by its place and put before a person."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from werkzeug.serving import make_server

from service import app as application
from service import jobs
from service.archive import Archive
from service.evidence.canaries import NUMBERS
from service.evidence.deployed import canary, knocking, traces
from service.evidence.deployed.canary import Watch
from service.evidence.deployed.knocking import Way
from service.store.models import TASKS
from service.telemetry import metrics
from tests.support.databases import count_rows
from tests.support.tools import tools_over

WAYS = [Way(*one) for one in application.ways_in()]


@pytest.fixture
def serve():
    """Serves WSGI apps on loopback; answers an origin."""
    servers = []

    def start(app):
        server = make_server("127.0.0.1", 0, app, threaded=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def quiet_server(monkeypatch):
    """The development server writes no line of its own."""
    monkeypatch.setattr("werkzeug.serving.WSGIRequestHandler.log", lambda *_: None)


@pytest.fixture
def watch(engine, bluesnap, clock, quiet_logs, serve, quiet_server, tmp_path):
    """A canary over an app of ours, that waits for nothing; `change` wraps the app."""

    def make(change=lambda app: app, **settings):
        tools = tools_over(engine, bluesnap, clock, trusted_hosts="127.0.0.1", **settings)
        origin = serve(change(application.create_app(tools).wsgi_app))
        known = replace(
            tools_over(engine, bluesnap, clock, canary_url=origin, **settings),
            archive=Archive.open(str(tmp_path / "archive")),
        )
        return Watch(known, WAYS, wait_seconds=0.0)

    return make


def counted(door, outcome):
    return metrics.CANARIES.labels(door=door, outcome=outcome)._value.get()


def leaking(put):
    """An app that keeps what it is sent, by `put`, and answers as before."""

    def change(app):
        def serve(environ, start):
            put(environ)
            return app(environ, start)

        return serve

    return change


def numbers_of(environ):
    """The test numbers in the path of a request."""
    return [one for one in NUMBERS if one in environ["PATH_INFO"]]


def test_every_door_has_an_entrance_that_is_tried():
    doors = {one.door for one in knocking.knocks(WAYS, NUMBERS[0])}
    assert doors == {door.name for door in application.DOORS} | {"none"}
    for knock in knocking.knocks(WAYS, NUMBERS[0]):
        assert NUMBERS[0] in knock.target or NUMBERS[0].encode() in (knock.body or b"")


def test_canary_is_refused_at_every_door_and_leaves_nothing(watch, engine, logged):
    before, rows = {one.door: counted(one.door, "refused") for one in WAYS}, count_rows(engine)
    assert watch().run() is True
    assert all(counted(door, "refused") == number + 1 for door, number in before.items())
    assert count_rows(engine) == rows
    assert "canary." not in logged()
    assert not [one for one in NUMBERS if one in logged()]


def test_door_that_does_not_refuse_is_told(watch, logged):
    def open_door(app):
        def serve(environ, start):
            if environ["PATH_INFO"] == "/v1/checkout-sessions":
                start("201 Created", [("Content-Length", "2")])
                return [b"{}"]
            return app(environ, start)

        return serve

    assert watch(open_door).run() is False
    [line] = [line for line in logged().splitlines() if "canary.not_refused" in line]
    assert '"door": "checkout"' in line
    assert '"level": "error"' in line


def test_answer_that_repeats_the_number_is_found(watch, logged):
    def echo(app):
        def serve(environ, start):
            def begin(status, headers, *more):
                return start(status, [*headers, ("X-Path", environ["PATH_INFO"])], *more)

            return app(environ, begin)

        return serve

    assert watch(echo).run() is False
    assert '"place": "answers"' in logged()
    assert not [one for one in NUMBERS if one in logged()]


def test_number_in_the_database_is_found_by_column_and_put_before_a_person(watch, desk, engine, logged):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE jobs.kept (note text)"))
    try:

        def keep(environ):
            with engine.begin() as connection:
                for one in numbers_of(environ):
                    connection.execute(text("INSERT INTO jobs.kept VALUES (:note)"), {"note": " ".join(one)})

        leaky = watch(leaking(keep))
        assert leaky.run() is False
        assert '"place": "jobs.kept.note"' in logged()
        assert not [one for one in NUMBERS if one in logged()]
        assert leaky.run() is False
        assert [(one.kind, one.state) for one in desk.rows(TASKS)] == [("canary_found", "open")]
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE jobs.kept"))


def test_rows_of_before_are_not_looked_through(watch, engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE jobs.kept (note text)"))
        connection.execute(text("INSERT INTO jobs.kept SELECT unnest(CAST(:all AS text[]))"), {"all": list(NUMBERS)})
    try:
        assert watch().run() is True
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE jobs.kept"))


def test_number_in_a_piece_of_the_archive_is_found(watch, tmp_path, logged):
    def keep(environ):
        for one in numbers_of(environ):
            (tmp_path / "archive" / "logs").mkdir(parents=True, exist_ok=True)
            (tmp_path / "archive" / "logs" / "one").write_text(one)

    assert watch(leaking(keep)).run() is False
    assert '"place": "archive"' in logged()


def test_number_in_the_metrics_is_found(watch, serve, logged):
    def page(environ, start):
        start("200 OK", [("Content-Type", "text/plain")])
        return [f'x{{path="{NUMBERS[0]}"}} 1\n{NUMBERS}'.encode()]

    port = serve(page).rpartition(":")[2]
    assert watch(metrics_bind=f"0.0.0.0:{port}").run() is False
    assert '"place": "metrics"' in logged()


def test_number_in_a_log_file_is_found_when_it_was_written_since(engine, tmp_path):
    places = traces.Places(engine, tmp_path, None, "http://127.0.0.1:9/")
    (tmp_path / "a.log").write_text(f"{NUMBERS[0]}\n")
    since = traces.mark(places)
    with Path(tmp_path, "a.log").open("a") as stream:
        stream.write(f"new {NUMBERS[1]}\n")
    (tmp_path / "b.log").write_text(f"{NUMBERS[2]}\n")
    found = b"".join(piece.data for piece in traces.logs(places, since, 0.0))
    assert [one in found.decode() for one in NUMBERS[:3]] == [False, True, True]


def test_place_that_cannot_be_searched_is_not_called_clean(watch, monkeypatch, logged):
    def refuse(*_):
        raise OSError

    monkeypatch.setitem(canary.PLACES, "logs", refuse)
    assert watch().run() is False
    assert "canary.unsearched" in logged()


def test_deployment_that_does_not_answer_is_not_called_good(engine, bluesnap, clock, quiet_logs, logged):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        tools = tools_over(engine, bluesnap, clock, canary_url=f"http://127.0.0.1:{unheard.getsockname()[1]}")
        assert Watch(tools, WAYS, wait_seconds=0.0).run() is False
    assert "canary.unanswered" in logged()


@pytest.mark.parametrize(("good", "remembered"), [(True, True), (False, False)])
def test_only_a_good_canary_is_remembered(tools, engine, good, remembered):
    done = threading.Event()

    def run():
        done.set()
        return good

    jobs.await_database(
        replace(tools, settings=replace(tools.settings, database_url=engine.url.render_as_string(hide_password=False))),
        ["canary"],
    )
    with engine.begin() as connection:
        connection.execute(text("UPDATE jobs.rounds SET ended_at = '2001-01-01'"))
    begin = jobs._aside(tools, jobs.Slow("canary", "* * * * *", run))
    begin()
    assert done.wait(10)
    for thread in threading.enumerate():
        if thread.name == "canary":
            thread.join(10)
    with engine.connect() as connection:
        when = connection.execute(text("SELECT ended_at FROM jobs.rounds WHERE name = 'canary'")).scalar_one()
    assert (when.year > 2001) is remembered


def test_canary_that_takes_long_holds_up_nobody_and_runs_once(tools):
    begun, go, runs = threading.Event(), threading.Event(), []

    def run():
        runs.append(1)
        begun.set()
        assert go.wait(10)
        return False

    begin = jobs._aside(tools, jobs.Slow("canary", "* * * * *", run))
    begin()
    assert begun.wait(10)
    begin()
    go.set()
    assert runs == [1]


def test_round_of_the_canary_is_there_only_where_it_was_asked_for(tools):
    names = {name for name in jobs.app_for(tools).tasks if "canary" in name}
    assert names == set()
    assert "canary" in jobs.app_for(tools, [jobs.Slow(canary.NAME, canary.CRON, lambda: True)]).tasks
