"""Our client speaks every scenario: it sends exactly the request, and makes of the response exactly the outcome."""

from __future__ import annotations

import functools
import inspect
import json
import re

import pytest
import responses
from contract_scenarios import FOLDER, Scenario, body_bytes, common_headers, filled, load_all, outcome_of
from responses import matchers
from responses.registries import OrderedRegistry

from service import errors
from service.bluesnap.client import BlueSnapClient

BASE = "https://sandbox.bluesnap.com"
# No answer makes these: only a connection that fails does, which tests/bluesnap shows over real sockets.
WITHOUT_AN_ANSWER = {"NeverSent"}


@functools.cache
def client_of(user: str, password: str) -> BlueSnapClient:
    """One client for all scenarios: to read the certificate authorities for each would take most of the time."""
    return BlueSnapClient(base_url=BASE, user=user, password=password)


def client_for(scenario: Scenario) -> BlueSnapClient:
    """One of two pairs remembers which was taken, so it is of one scenario alone."""
    has_two = "other" in scenario.both
    return BlueSnapClient(base_url=BASE, **scenario.both) if has_two else client_of(**scenario.credentials)


def same_headers_and_body(headers, body):
    def match(request):
        sent = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        sent_body = request.body.encode() if isinstance(request.body, str) else request.body
        return (sent == headers and sent_body == body), f"sent {sent} and {sent_body!r}, not {headers} and {body!r}"

    return match


def answered(mock, scenario, exchange):
    """Put one exchange of a scenario into the mock."""
    request = filled(exchange["request"], scenario["values"])
    response = filled(exchange["response"], scenario["values"])
    headers = dict(response["headers"])
    body = response["body"]
    mock.add(
        request["method"],
        BASE + request["path"],
        body=b"" if body is None else body if isinstance(body, str) else json.dumps(body),
        status=response["status"],
        content_type=headers.pop("Content-Type", None),
        headers={name: value for name, value in headers.items() if name != "Content-Length"},
        match=[
            matchers.query_param_matcher(request.get("query", {})),
            same_headers_and_body(
                {**common_headers(exchange.get("credentials", scenario.credentials)), **request.get("headers", {})},
                body_bytes(request["body"]),
            ),
        ],
    )


def test_our_client_speaks_the_scenario(scenario):
    client = client_for(scenario)
    with responses.RequestsMock(assert_all_requests_are_fired=True, registry=OrderedRegistry) as mock:
        for exchange in scenario.exchanges:
            answered(mock, scenario, exchange)
        outcome = outcome_of(client, scenario["call"], filled(scenario["arguments"], scenario["values"]))
    assert outcome == filled(scenario["outcome"], scenario["values"])


def test_every_call_of_the_client_has_scenarios():
    calls = {name for name, _ in inspect.getmembers(BlueSnapClient, inspect.isfunction) if not name.startswith("_")}
    assert {one["call"] for one in load_all()} == calls - {"close"}


def test_every_kind_of_outcome_has_scenarios():
    kinds = {kind.__name__ for kind in errors.BlueSnapError.__subclasses__()}
    assert {one["outcome"].get("error", "ok") for one in load_all()} == {"ok", *kinds} - WITHOUT_AN_ANSWER


def test_every_documented_status_has_scenarios():
    documented = {200, 201, 400, 401, 403, 405, 409, 422, 423, 429, 500, 503}  # bluesnap/errors.md section 2
    assert documented <= {one["response"]["status"] for one in load_all()}


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_a_scenario_file_is_named_by_a_sentence_and_says_where_it_is_from(path):
    assert re.fullmatch(
        r"(add|create|delete|find|get|iterate|list|preview|refund|update)-[a-z]+(-[a-z0-9]+)*\.json", path.name
    )
    file = json.loads(path.read_text(encoding="utf-8"))
    assert file["facts"]
    assert file["simulator"] == "answers" or re.fullmatch(r"skip: .{10,}", file["simulator"])
    assert {"call", "values", "given", "arguments", "request", "response", "outcome", "sandbox"} <= set(file)
