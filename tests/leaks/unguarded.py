"""The service with guards switched off, one by one: `python -m tests.leaks.unguarded GUARD[,GUARD…] serve|work|…`. A tool of tests alone; `none` changes nothing.

Guards are replaced in the master before it forks, so that the workers have them so. A name that begins with `slip_` is no guard but a
mistake that somebody might make, which a guard must make good.
"""

from __future__ import annotations

import json
import runpy
import sys


class Everything(frozenset):
    """A list that is not closed: whatever is asked for is on it."""

    def __contains__(self, _):
        return True


def none(_):
    pass


def gate(_):
    from service.web import gatekeeper

    gatekeeper.guard = lambda _app, _settings: None


def exemption(_):
    """Every body is exempt from the gate, not the notices' alone."""
    from service.web import gatekeeper

    gatekeeper.UNREAD = Everything()


def schema(_):
    """Fields take any text, and fields that nobody declared are taken."""
    from marshmallow import INCLUDE

    from service.cardguard import fields
    from service.web import door

    fields.Exact._deserialize = lambda _self, value, *_a, **_k: value
    door._loaded = lambda kind, given: kind(unknown=INCLUDE).load(given)


def formats(_):
    """Names and accounts may have any number of digits."""
    from service.cardguard import formats as exact

    exact.within_budget = lambda _: True


def echo(_):
    """The name of an unknown field is told."""
    from service.errors import Code, FieldError
    from service.web import problems

    def named(messages, *_):
        return [FieldError(f"/{name}", Code.FIELD_UNKNOWN) for name in messages]

    problems._field_errors = named


def redaction(_):
    """The log takes every field in every format."""
    from service.telemetry import logs

    logs.redact = dict


def slip_log(_):
    """Somebody logs the path of a request, under a name of its own and as a reason."""
    from flask import request

    from service import app

    tell = app.answers.tell
    app.answers.tell = lambda **fields: tell(**fields, reason=request.path, path=request.path)


def formatter(_):
    """Libraries' records are written as they are."""
    from service.telemetry import logs

    ours = logs.Formatter.format

    def whole(self, record):
        if isinstance(record.msg, logs.Own):
            return ours(self, record)
        return json.dumps({"event": "library.record", "message": record.getMessage()})

    logs.Formatter.format = whole


def worker(_):
    """gunicorn itself answers and logs what it refuses."""
    from gunicorn.workers.gthread import ThreadWorker

    from service.gunicorn_worker import Worker

    Worker.handle_error = ThreadWorker.handle_error


def logger(application):
    """gunicorn's own logger, with its access log."""
    application.cfg.set("logger_class", "gunicorn.glogging.Logger")
    application.cfg.set("accesslog", "-")


def domains(_):
    """Columns take whatever their base types take. For `migrate`, once it has run."""
    from sqlalchemy import create_engine, text

    from service.cardguard.domains import DOMAINS
    from service.cli import current_settings
    from service.store import database

    engine = create_engine(database.url_of(current_settings().database_url), hide_parameters=True)
    with engine.begin() as connection:
        for name in DOMAINS:
            for constraint in connection.execute(
                text("SELECT conname FROM pg_constraint WHERE contypid = CAST(:name AS regtype)"), {"name": name}
            ).scalars():
                connection.execute(text(f'ALTER DOMAIN {name} DROP CONSTRAINT "{constraint}"'))
    engine.dispose()


def provider(_):
    """What BlueSnap calls the last four digits is believed."""
    from service.bluesnap import shopper_answers

    shopper_answers._last_four = str


def nameable(_):
    """A card is shown however its brand and last four digits look."""
    from service.bluesnap.cards import CardHint

    CardHint.nameable = True


def notices(_):
    """What a notice says of a dispute or of its payment is taken as it stands."""
    from service.bluesnap import notices as allowed

    for name in ("cbstatus", "referencenumber"):
        field, rank, _form = allowed._FIELDS[name]
        allowed._FIELDS[name] = (field, rank, str)


def headers(_):
    """Headers that nobody reads are not dropped."""
    from service.cardguard import places

    places.UNREAD_HEADERS = frozenset()


def media(_):
    """Whatever a body says that it is, it is read: forms too."""
    from service.web import door

    def read_any(request):
        return request.form.to_dict() or json.loads(request.get_data())

    door.read_json = read_any


def errors(_):
    """Only refusals of our own are answered in our own words; all others in Flask's."""
    from service import app
    from service.errors import Refusal
    from service.web import problems

    def handle(flask_app):
        flask_app.errorhandler(Refusal)(lambda refusal: problems.response(refusal, app.g.request_id))

    app._handle_errors = handle


def labels(_):
    """The label of a metric is what was sent."""
    from service.web import headers as known

    known.METHODS = Everything()


def redirects(_):
    """Redirects of BlueSnap are followed."""
    import requests

    from service.bluesnap import transport

    transport._Session.get_redirect_target = requests.Session.get_redirect_target
    transport._Session.send = lambda self, request, **how: requests.Session.send(
        self, request, **{**how, "allow_redirects": True}
    )


def hosts(_):
    """The way out leads to any host."""
    from requests.adapters import HTTPAdapter

    from service.bluesnap import transport

    begin = transport.Transport.__init__

    def open_wide(self, *arguments, **options):
        begin(self, *arguments, **options)
        self._session.mount("http://", HTTPAdapter())

    transport.Transport.__init__ = open_wide


def main(names, arguments):
    """Switch off when all settings are known: a server when it begins, for what is imported before decides how metrics are shared."""
    off = [globals()[name] for name in names.split(",")]
    sys.argv = ["service", *arguments]
    if arguments[:1] == ["serve"]:
        from gunicorn.app import wsgiapp

        class Application(wsgiapp.WSGIApplication):
            def run(self):
                for switch in off:
                    switch(self)
                super().run()

        wsgiapp.WSGIApplication = Application
    elif domains not in off:
        for switch in off:
            switch(None)
    try:
        runpy.run_module("service", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if arguments[:1] == ["migrate"] and domains in off and not ended.code:
            domains(None)
        raise


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
