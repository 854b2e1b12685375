"""What the gate tells when its scan cannot say, and what it hands to whom: by constant words, and without a look at what it could not read."""

from __future__ import annotations

import io

import pytest
from gunicorn.http.errors import InvalidChunkSize
from werkzeug.exceptions import ClientDisconnected
from werkzeug.test import EnvironBuilder

from service.cardguard.gate import FAILED, Found, Gate
from tests.support.cards import VISA


class Nothing:
    """A detector that finds nothing, and keeps what it was shown."""

    def __init__(self):
        self.shown = []

    def holds_card(self, value):
        self.shown.append(value)

    names_card_data = numbers_hold_card = holds_card


class Failing(Nothing):
    def holds_card(self, value):
        raise RuntimeError(VISA)


class Broken(io.RawIOBase):
    """A connection that breaks."""

    def readable(self):
        return True

    def readinto(self, buffer):
        raise InvalidChunkSize(b"zz")


class Stage:
    """A gate between nobody and an app, which keep what they are given."""

    def __init__(self, detector):
        self.detector, self.served, self.refused = detector, [], []
        self.gate = Gate(self.app, detector, self.refuse, limit=1_000, unread=set())

    def app(self, environ, start_response):
        self.served.append((environ, start_response))
        return [b"served"]

    def refuse(self, environ, found):
        self.refused.append((environ, found))
        return lambda environ, start_response: [b"refused", environ, start_response]


def environ_of(**given):
    return EnvironBuilder(**given).get_environ()


def test_word_for_a_scan_that_failed_is_known():
    assert FAILED == "scan_failed"


def test_failed_scan_is_told_with_its_place_and_its_error():
    stage, environ, start_response = Stage(Failing()), environ_of(path="/a"), object()
    assert list(stage.gate(environ, start_response)) == [b"refused", environ, start_response]
    [(told, found)] = stage.refused
    assert told is environ
    assert (found.place, found.rule, type(found.error)) == ("path", "scan_failed", RuntimeError)


def test_request_that_no_value_can_be_taken_from_fails_at_its_path():
    stage = Stage(Nothing())
    stage.gate({"PATH_INFO": "/"}, None)
    [(_, found)] = stage.refused
    assert (found.place, found.rule, type(found.error)) == ("path", "scan_failed", KeyError)


def test_find_has_no_error_unless_the_scan_failed():
    assert Found("body", "card_number").error is None


def test_app_is_handed_the_very_request_and_answer():
    stage, environ, start_response = Stage(Nothing()), environ_of(path="/a"), object()
    assert list(stage.gate(environ, start_response)) == [b"served"]
    [(given, answering)] = stage.served
    assert given is environ
    assert answering is start_response


@pytest.mark.parametrize(
    "read", [lambda body: body.read(10), lambda body: io.BufferedReader(body).read(), io.RawIOBase.readall]
)
def test_broken_body_is_not_looked_at_and_breaks_for_every_reader(read):
    stage = Stage(Nothing())
    stage.gate(environ_of(method="POST") | {"wsgi.input": Broken(), "wsgi.input_terminated": True}, None)
    assert [value for value in stage.detector.shown if isinstance(value, bytes)] == []
    [(environ, _)] = stage.served
    with pytest.raises(ClientDisconnected):
        read(environ["wsgi.input"])


def test_body_that_is_too_large_is_empty_for_the_app_and_not_looked_at():
    stage = Stage(Nothing())
    stage.gate(environ_of(method="POST", data=b"\xff" * 1_001), None)
    assert [value for value in stage.detector.shown if isinstance(value, bytes)] == []
    assert stage.served[0][0]["wsgi.input"].read() == b""
