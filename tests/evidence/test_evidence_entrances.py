"""The entrances: derived from the description, all of it; each request is right but for the one value; each answer is judged."""

from __future__ import annotations

import argparse
import copy
import json
import random
from urllib.parse import unquote

import pytest

from service import cli
from service.app import DOORS
from service.bluesnap.notices import _FIELDS
from service.cardguard import detect, places
from service.evidence import (
    asking,
    bad_requests,
    browser_reports,
    command,
    entrances,
    notice_door,
    operators,
    provider,
    trying,
    wire,
)
from service.evidence.belongings import ACCOUNT, MARKER, PAYER, kind_of
from service.evidence.canaries import NUMBERS, marker
from service.evidence.pieces import Piece
from service.evidence.scanner import Scanner
from service.web.gatekeeper import UNREAD

DESCRIPTION = entrances.read()
ALL = entrances.of(DESCRIPTION)
GROUND = asking.Ground("pk_key", "cs_session", "pcs_secret", "acct-a", "ch_charge", "eyJ.eyJ.staff")
NUMBER = NUMBERS[0]


def entrance(name):
    return next(one for one in ALL if one.name == name)


def head_and_body(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    return line, dict(header.split(": ", 1) for header in headers), body


def test_every_routed_operation_has_entrances():
    routed = {f"{one.method} {one.path}" for door in DOORS for one in door.operations}
    assert routed == {one.operation.name for one in ALL}


def test_every_operation_is_tried_at_headers_query_media_type_and_body():
    for operation in entrances.operations(DESCRIPTION):
        kinds = {one.kind for one in ALL if one.operation == operation}
        assert kinds >= {
            entrances.QUERY, entrances.QUERY_NAME, entrances.HEADER, entrances.HEADER_NAME, entrances.MEDIA, entrances.BODY,
            entrances.WRONG_MEDIA,
        }  # fmt: skip


def test_fields_within_fields_and_unknown_ones_are_entrances():
    places_there = {one.place for one in ALL if one.operation.path.endswith("/completion")}
    assert places_there >= {
        "field /payer", "field /payer/first_name", "field /payer/unknown", "field name /payer", "field /unknown", "field name /",
        "path session_id", "header Idempotency-Key",
    }  # fmt: skip


def test_new_field_of_a_schema_is_an_entrance_at_once():
    changed = copy.deepcopy(DESCRIPTION)
    changed["components"]["schemas"]["Payer"]["properties"]["nickname"] = {"type": "string"}
    new = {one.name for one in entrances.of(changed)} - {one.name for one in ALL}
    assert new == {"POST /v1/checkout-sessions/{session_id}/completion · field /payer/nickname"}


def test_parameter_in_a_place_that_is_not_known_is_refused():
    changed = copy.deepcopy(DESCRIPTION)
    changed["paths"]["/healthz"]["get"]["parameters"] = [{"name": "a", "in": "cookie", "schema": {"type": "string"}}]
    with pytest.raises(entrances.DescriptionError, match="GET /healthz"):
        entrances.of(changed)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_every_spelling_at_every_place_is_card_data_to_the_gate(one):
    for form, value in asking.forms(one, NUMBER):
        text = unquote(str(value)) if form == "percent-encoded twice" else str(value)
        assert detect.holds_card(text), form
        assert asking.raw(one, value, GROUND)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_marker_stands_in_the_request_and_the_rest_is_as_without(one):
    word = marker(random.Random(1))
    line, headers, body = head_and_body(asking.raw(one, word, GROUND))
    assert f"{line}{headers}{body}".count(word) == 1
    if {"api_key", "client_secret", "identity"} & set(one.operation.locks) and one.at != ("Authorization",):
        assert headers["Authorization"] in {"Bearer pk_key", "Bearer pcs_secret", "Bearer eyJ.eyJ.staff"}


def test_value_stands_at_its_field_and_beside_it_a_valid_document():
    one = entrance("POST /v1/checkout-sessions/{session_id}/completion · field /payer/first_name")
    line, headers, body = head_and_body(asking.raw(one, "Xyz", GROUND))
    assert line == "POST /v1/checkout-sessions/cs_session/completion HTTP/1.1"
    assert headers["Authorization"] == "Bearer pcs_secret"
    document = json.loads(body)
    assert document["payer"].pop("first_name") == "Xyz"
    assert document["payer"]["last_name"] == "Okafor"


def test_sample_bodies_are_taken_by_the_schemas_of_the_doors():
    bodies = {f"{one.method} {one.path}": one.body for door in DOORS for one in door.operations if one.body}
    for operation in entrances.operations(DESCRIPTION):
        if operation.name in bodies:
            given = {**operation.body, **({"account": "acct-a"} if "account" in operation.body else {})}
            assert bodies[operation.name]().load(given) is not None


def test_dropped_headers_are_those_that_the_gate_drops():
    assert {f"HTTP_{name.upper().replace('-', '_')}" for name in entrances.DROPPED} <= places.UNREAD_HEADERS


def test_bodies_that_may_pass_the_gate_are_those_that_it_leaves_unread():
    assert set(trying.UNREAD) == UNREAD


def test_every_parameter_of_a_notice_that_we_read_is_tried():
    assert {name.lower() for name in notice_door.READ} == set(_FIELDS)


def attempts_at(*names):
    ways = [entrance(name) for name in names]
    return list(trying.described(ways, trying.Sender(("127.0.0.1", 9), wire.Traffic()), GROUND))


def test_each_place_gets_a_number_in_several_spellings_and_a_marker_of_its_own():
    tries = attempts_at("GET /healthz · header User-Agent", "GET /readyz · query name")
    assert [one.form for one in tries] == ["plain", "groups with blanks", "full-width digits", "base64", "marker"] * 2
    assert len({one.canary.text for one in tries}) == 4
    assert {kind_of(one.canary.case) for one in tries if one.form == "marker"} == {MARKER}


def test_markers_in_names_of_payers_and_accounts_are_of_their_own_kind():
    at = "POST /v1/checkout-sessions/{session_id}/completion · field /payer/"
    kinds = [
        kind_of(one.canary.case)
        for one in attempts_at(
            f"{at}last_name", f"{at}email", f"{at}zip", "POST /v1/checkout-sessions · field /account"
        )
        if one.form == "marker"
    ]
    assert kinds == [PAYER, PAYER, MARKER, ACCOUNT]


def test_number_whose_hexadecimal_form_looks_like_a_column_of_ids_is_not_sent():
    column = "\n".join(str(number) for number in range(8320, 8330) for _ in range(6)).encode()
    assert not Scanner(trying.CARDS).search("S01", [Piece("entries.xid", column, 1)])
    assert set(NUMBERS) - {one.text for one in trying.CARDS} == {"4012888888881881", "5200828282828210"}


def arguments_of(parser, path=()):
    """Every argument that takes more than a word of a closed list: the way to its command, and its name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from arguments_of(inner, (*path, name))
        elif action.nargs != 0 and action.choices is None:
            yield path, (action.option_strings or [""])[-1]


def test_every_free_argument_of_a_command_is_tried():
    tried = [[one for one in line if not one.startswith("<")] for line in operators.COMMANDS.values()]
    free = set(arguments_of(cli._parser(command.prove, (command.register,))))
    lacking = {
        (path, name)
        for path, name in free
        if not any(tuple(line[: len(path)]) == path and (not name or name in line) for line in tried)
    }
    assert lacking == set()


def answer(status, code=None):
    body = json.dumps({"code": code}).encode() if code else b""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return wire.understand(head + body)


@pytest.mark.parametrize(
    ("judge", "fine", "wrong"),
    [
        (trying.refused, answer(422, "card_data_refused"), answer(201)),
        (trying.refused, answer(400, "request_malformed"), answer(422, "field_malformed")),
        (trying.refused, answer(422, "card_data_refused"), wire.understand(b"")),
        (trying.refused, answer(422, "card_data_refused"), answer(500, "card_data_refused")),
        (trying.unbroken, answer(404, "not_found"), answer(500, "internal_error")),
        (trying.unsigned, answer(401, "signature_invalid"), answer(200)),
        (trying.counted, answer(204), answer(422, "card_data_refused")),
        (notice_door.taken, answer(200), answer(401, "signature_invalid")),
        (bad_requests.turned_away, wire.understand(b""), answer(500, "internal_error")),
    ],
)
def test_answers_are_judged_and_the_wrong_ones_are_told(judge, fine, wrong):
    assert judge(fine) == ""
    assert "answered with" in judge(wrong)


def test_what_an_answer_says_is_not_repeated_but_for_codes_of_ours():
    assert trying.refused(answer(400, NUMBER)) == "not refused as card data, but answered with 400"


def test_report_of_a_browser_holds_the_value_in_its_one_field():
    [*_, last] = browser_reports.attempts(("127.0.0.1", 9), wire.Traffic())
    assert last.entrance == "report, Reporting API · name of a field"
    assert last.form == "marker"


def test_every_call_to_bluesnap_meets_every_kind_of_wrong_answer():
    assert len(provider.names()) == len(provider.CALLS) * len(provider.SHAPES) == 40
    for shape in provider.SHAPES.values():
        assert NUMBER in json.dumps(shape(NUMBER))
