"""How an outcome is judged by its word in matrix.csv, for what comes in over HTTP. Fails by assertions, which never quote what was sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

from leaks_payloads import name, short, text, written
from leaks_registry import outcome
from leaks_stage import answered

ERRORS = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
#: Every documented code of a problem, with its status.
CODES = {
    code: int(status) for code, status in re.findall(r"^\| `(\w+)` \| (\d{3}) \|", ERRORS.read_text(), re.MULTILINE)
}
FIELDS = {"type", "title", "status", "code", "request_id"}
#: What differs from answer to answer, and holds digits or letters by chance.
VARYING = {"date", "content-length", "x-request-id"}
#: What is shorter stands in honest text too; a code is searched for by `short`.
SHORT = 5
SERVER = {400: "request_malformed", 414: "request_malformed", 431: "request_malformed"}


def problem(answer):
    """The problem that an answer is, in the form of RFC 9457; fails if it is none, or one that docs/errors.md does not name."""
    assert answer.header("Content-Type") == "application/problem+json"
    body = json.loads(answer.body)
    assert FIELDS <= body.keys() <= FIELDS | {"errors"}
    assert (body["type"], body["status"]) == ("about:blank", answer.status)
    assert body["title"] == body["code"].replace("_", " ").capitalize()
    return body


def told(answer):
    """Everything an answer says but what differs each time."""
    fields = [f"{name}: {value}" for name, value in answer.headers if name.lower() not in VARYING]
    first = answer.raw.partition(b"\r\n")[0].decode("latin-1")
    body = re.sub(r"req_[a-z]{30}", "req", answer.body.decode("utf-8", "replace"))
    return "\n".join([first, *fields, body])


def says_nothing_of(case, stage, answer):
    """Neither what was sent nor under which name is in the answer."""
    said = told(answer)
    for sent in {stage.marker} if case.data == "-" else {stage.marker, *written(case, stage.marker)}:
        assert len(sent) < SHORT or sent not in said, "the answer repeats what was sent"
    assert not (found := short(case)) or not found.search(said.encode()), "the answer repeats a code"
    if label := name(case):
        assert f'"{label}"' not in said, "the answer repeats a name"
        assert f"/{label}" not in said, "the answer repeats a name"


@outcome("REFUSE")
def refused(case, seen, stage):
    """A refusal of the application: a documented problem that says nothing of what was sent."""
    assert seen.answers, "there was no answer"
    for answer in seen.answers:
        assert answer.status is not None, "there was no answer"
        assert 400 <= answer.status < 500, f"answered {answer.status}"
        body = problem(answer)
        assert CODES.get(body["code"]) == answer.status
        assert body["request_id"] == answer.header("X-Request-Id")
        says_nothing_of(case, stage, answer)


@outcome("SERVER400")
def refused_by_the_server(case, seen, stage):
    """A refusal of gunicorn: the same constant problem, and one line that tells of it."""
    body = problem(seen.answer)
    assert body["code"] == SERVER.get(seen.answer.status), f"answered {seen.answer.status}"
    says_nothing_of(case, stage, seen.answer)
    (line,) = [json.loads(line) for line in seen.log.splitlines() if answered(line)]
    assert (line["status"], line["route"]) == (seen.answer.status, "none")


@outcome("IGNORE")
def ignored(case, seen, stage):
    """Answered as the same request without the place."""
    assert seen.plain is not None, "there is nothing to compare with"
    assert told(seen.answer) == told(seen.plain)
    assert seen.answer.status == 200
    says_nothing_of(case, stage, seen.answer)


@outcome("ACCEPT", "SPECIAL")
def not_taken_for_a_card(case, seen, stage):
    """An honest value is answered as it is without any guard; where its place has a narrower format, by that format's own code."""
    assert seen.statuses, "nothing says what is expected"
    for answer in seen.answers:
        assert answer.status in seen.statuses, f"answered {answer.status}"
        assert b"card_data_refused" not in answer.body


@outcome("RESIDUAL")
def bounded_by_its_alphabet(case, seen, stage):
    """Nobody can tell it from a name: it may be sold to, and what goes out is no more than a name can hold."""
    from service.cardguard import formats

    assert seen.answer.status == 201, f"answered {seen.answer.status}"
    assert formats.is_person_name(text(case, stage.marker))
