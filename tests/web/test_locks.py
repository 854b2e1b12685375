"""A lock on every door: whatever is routed is a declared operation, whatever is open is listed here, and the routes are those of openapi.yaml."""

from __future__ import annotations

import pytest
import yaml
from flask import Response

from service.app import DOORS, create_app
from service.cardguard.formats import PERSON_SCOPES, SCOPES
from service.config import ROOT
from service.web.door import Door
from service.web.locks import ApiKey, NoLock, Person
from service.web.operation import Reply
from tests.support.web import problem

#: What anybody may call; nothing private is behind it.
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.yaml"),
    ("GET", "/.well-known/security.txt"),
    ("GET", "/webhooks/bluesnap"),
    ("POST", "/v1/page-reports"),  # from browsers, which send no credentials with reports; all it does is count
}
#: Writes that change nothing, and so need no key: the same report may count twice.
WITHOUT_KEY = {"/v1/page-reports"}
OPERATIONS = [operation for door in DOORS for operation in door.operations]
LOCKED = [operation for operation in OPERATIONS if not isinstance(operation.lock, NoLock)]


def routed(app):
    """Every method and path that the app answers, but for what HTTP adds by itself: HEAD, and the preflights of the browser door."""
    found = set()
    for rule in app.url_map.iter_rules():
        preflight = rule.endpoint.endswith("_preflight") and rule.methods == {"OPTIONS"}
        path = rule.rule.replace("<", "{").replace(">", "}")
        found |= {(method, path) for method in rule.methods - {"HEAD"} if not preflight}
    return found


def unlocked(app, doors=DOORS):
    """What is routed without a lock, and not on the list."""
    locks = {(item.method, item.path): item.lock for door in doors for item in door.operations}
    return {route for route in routed(app) - OPEN if isinstance(locks.get(route, NoLock()), NoLock)}


def described():
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item}


@pytest.fixture
def app(tools):
    return create_app(tools)


def test_every_route_is_an_operation_with_a_lock(app):
    assert unlocked(app) == set()


def test_open_operations_are_exactly_those_listed():
    assert {(item.method, item.path) for item in OPERATIONS if isinstance(item.lock, NoLock)} == OPEN


def test_route_past_the_doors_would_be_found(app):
    app.add_url_rule("/v1/back-door", "back_door", Response, methods=["GET", "POST"])
    assert unlocked(app) == {("GET", "/v1/back-door"), ("POST", "/v1/back-door")}


def test_operation_that_leaves_its_lock_open_would_be_found(app):
    door = Door("side")
    door.operation("GET", "/v1/side", summary="?", lock=NoLock(), answers={200: None})(lambda call: Reply(200))
    app.register_blueprint(door)
    assert unlocked(app, (*DOORS, door)) == {("GET", "/v1/side")}


def test_operation_cannot_be_declared_without_a_lock():
    with pytest.raises(TypeError, match="lock"):
        Door("side").operation("GET", "/v1/side", summary="?", answers={200: None})(lambda call: Reply(200))


@pytest.mark.parametrize("operation", LOCKED, ids=lambda item: item.name)
@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic eDp5",
        "Bearer x",
        "Bearer pk_simulator_" + "a" * 43,
        "Bearer pcs_" + "b" * 30 + "_" + "A" * 43,
        "Bearer eyJ" + "b" * 30 + ".eyJ" + "b" * 30 + "." + "A" * 43,
    ],
)
def test_locked_operation_refuses_whoever_has_no_credentials(web, operation, credentials):
    path = operation.path.replace("{session_id}", "cs_" + "b" * 30).replace("{account}", "acct-a")
    path = path.replace("{charge_id}", "ch_" + "b" * 30).replace("{grant_id}", "gr_" + "b" * 30)
    headers = {} if credentials is None else {"Authorization": credentials}
    before = web.rows()
    answer = web.call(operation.method, path, headers=headers, key="00000000-0000-4000-8000-000000000000")
    problem(answer, 401, answer.json["code"])
    assert "WWW-Authenticate" in answer.headers
    assert web.rows() == before


def test_every_scope_is_asked_for_by_its_own_operations():
    scopes = {item.name: item.lock.scope for item in LOCKED if isinstance(item.lock, ApiKey | Person)}
    assert scopes == {
        "checkout.open_session": "checkout:write",
        "accounts.read_account": "accounts:read",
        "accounts.change": "accounts:write",
        "accounts.preview_change": "accounts:read",
        "accounts.cancel": "accounts:write",
        "history.read_history": "accounts:read",
        "charges.list_charges": "accounts:read",
        "charges.refund": "refunds:write",
        "accounts.resume": "accounts:write",
        "cards.show_card": "accounts:read",
        "cards.reactivate": "accounts:write",
        "entries.read_entries": "entries:read",
        "audit.read_entries": "audit:read",
        "audit.read_checkpoints": "audit:read",
        "grants.ask": "grants:request",
        "grants.list_grants": "grants:request",
        "grants.read_grant": "grants:request",
        "grants.approve": "grants:approve",
        "grants.end": "grants:request",
        "support.look": "support:read",
    }


def test_scopes_of_people_are_for_no_key_and_those_of_keys_for_nobody():
    assert {item.lock.scope for item in LOCKED if isinstance(item.lock, ApiKey)} <= set(SCOPES)
    assert set().union(*(item.lock.scopes for item in LOCKED if isinstance(item.lock, Person))) <= set(PERSON_SCOPES)
    assert not set(SCOPES) & set(PERSON_SCOPES)


def test_every_write_of_the_api_takes_an_idempotency_key():
    writes = [item for item in OPERATIONS if item.path.startswith("/v1/") and item.method == "POST"]
    writes = [item for item in writes if item.path not in WITHOUT_KEY]
    assert writes
    assert all(item.idempotent for item in writes)


def test_routes_are_exactly_those_of_the_description(app):
    assert routed(app) == described()


def test_route_that_is_not_described_would_be_found(app):
    app.add_url_rule("/v1/undescribed", "undescribed", Response, methods=["GET"])
    assert routed(app) - described() == {("GET", "/v1/undescribed")}
