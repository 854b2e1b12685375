"""Requests of every shape, made from openapi.yaml: nothing is answered that the description does not say, and nothing breaks."""

from __future__ import annotations

import io
import itertools
import json

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from werkzeug import Response

from service.cardguard import formats
from service.cardguard.formats import PERSON_SCOPES
from service.config import ROOT
from service.errors import (
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    Rejected,
    RetryLater,
    Unknown,
)
from tests.support.cards import VISA, traces
from tests.support.notices import signed_headers
from tests.support.web import PAYER, SCOPES, WEBHOOKS, new_key, problem

load_all_checks()
METHODS = {"get", "put", "post", "delete", "patch", "options", "trace"}
#: What a well-formed request may be told. 422 too: that a plan is not for sale, or that a name has too many digits, no schema says.
SENSIBLE_NO = ["401", "402", "403", "404", "409", "410", "412", "422", "429"]
NUMBERS = itertools.count()
#: Where people come in, and no key.
OF_PEOPLE = ("/v1/audit/", "/v1/access-grants", "/v1/support/")


def described(modes, accepted):
    """The API as checked in; `modes` of the data that is made of it, and the statuses by which well-formed data is accepted."""
    config = {
        "generation": {"mode": modes, "deterministic": True},
        "cache": {"enabled": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": accepted}},
    }
    return schemathesis.openapi.from_path(ROOT / "openapi.yaml", config=SchemathesisConfig.from_dict(config))


ANYTHING = described("all", ["2xx", *SENSIBLE_NO])
WELL_FORMED = described("positive", ["2xx"])


def bounded(examples):
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        # the database fills up during one operation's examples, on purpose
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def checks(*names):
    return [CHECKS.get_one(name) for name in names]


@pytest.fixture
def tools(make_tools):
    """Limits against card testing have tests of their own; here one caller tries everything."""
    return make_tools(
        sessions_per_address="1000000", renewals_per_session="1000", breaker_percent="100", breaker_minimum="100000"
    )


class Subjects:
    """What requests are about: an open session and an account with a subscription, kept through all examples of an operation or `fresh`."""

    def __init__(self, web, *, fresh):
        self.web, self.fresh = web, fresh
        self.asker, self.approver = (web.new_person(name, *PERSON_SCOPES) for name in ("anna", "bert"))
        self.kept_session, self.kept_account = web.open(account="acct-page"), self.subscriber()

    def subscriber(self):
        """An account that has a subscription, as its only number says."""
        account = f"acct-{next(NUMBERS)}"
        assert self.web.complete(self.web.open(account=account)).status_code == 201
        return account

    def put_into(self, case):
        """Make the case be about one of them, where it does not name what cannot be; answers the secret to send it with."""
        told = not case.meta.is_negative_at(ParameterLocation.PATH)
        if case.path.startswith(OF_PEOPLE):
            return self.put_people_into(case, told=told)
        if "session_id" in case.path_parameters:
            ends = case.path.endswith("/completion")
            session = self.web.open(account=f"acct-{next(NUMBERS)}") if ends or self.fresh else self.kept_session
            case.path_parameters |= {"session_id": session["id"]} if told else {}
            return session["client_secret"]
        if "charge_id" in case.path_parameters and told:
            account = self.subscriber() if self.fresh else self.kept_account
            page = self.web.call("GET", f"/v1/accounts/{account}/charges", auth=self.web.key)
            case.path_parameters["charge_id"] = page.json["charges"][0]["id"]
        if "/subscription" in case.path and told:
            resumes = case.path.endswith("/reactivation")
            account = self.subscriber() if self.fresh or resumes else self.kept_account
            if case.method == "DELETE" or resumes:
                assert self.web.cancel(account).status_code == 200
            case.path_parameters["account"] = account
        if case.path.endswith("/card") and told:
            case.path_parameters["account"] = self.kept_account
        return self.web.key

    def put_people_into(self, case, *, told):
        """A grant that somebody else has asked for, or an account that there is a grant for; answers an identity."""
        if told and "grant_id" in case.path_parameters:
            case.path_parameters["grant_id"] = self.grant("acct-a")
        if told and "account" in case.path_parameters:
            account = case.path_parameters["account"] = self.subscriber() if self.fresh else self.kept_account
            path = f"/v1/access-grants/{self.grant(account)}/approval"
            assert self.web.post(path, {}, auth=self.approver.identity).status_code == 200
            return self.asker.identity
        return self.approver.identity

    def grant(self, account):
        wish = {"account": account, "purpose": "billing_question", "ticket": "SUP-1"}
        return self.web.post("/v1/access-grants", wish, auth=self.asker.identity).json["id"]


@pytest.fixture
def subjects(web):
    return Subjects(web, fresh=False)


@pytest.fixture
def fresh_subjects(web):
    return Subjects(web, fresh=True)


class Signing:
    """BlueSnap's end of the wire: signs what is really sent to its door."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == WEBHOOKS:
            raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            signed = signed_headers(raw)
            environ |= {
                "wsgi.input": io.BytesIO(raw),
                "HTTP_BLS_SIGNATURE": signed["bls-signature"],
                "HTTP_BLS_IPN_TIMESTAMP": signed["bls-ipn-timestamp"],
            }
        return self.app(environ, start_response)


def send(web, case, subjects, *, trouble=None):
    """Send a case as somebody who may: the platform, the page of a session, or BlueSnap. `trouble` is how a call to BlueSnap then ends."""
    secret = subjects.put_into(case)
    if formats.matches(formats.IDEMPOTENCY_KEY, str(case.headers.get("Idempotency-Key"))):
        case.headers["Idempotency-Key"] = new_key()  # the same few are made again and again, and would only be replayed
    if trouble is not None:
        web.bluesnap.script(*trouble)
    port = 8081 if case.path == "/metrics" else 8080
    return case.call(
        app=Signing(web.app), base_url=f"http://localhost:{port}", headers={"Authorization": f"Bearer {secret}"}
    )


@pytest.fixture
def unchanged(web, strangers):
    """Whatever the test sends, no row comes or goes."""
    before = web.rows()
    yield
    assert web.rows() == before


@pytest.mark.long
@ANYTHING.parametrize()
@bounded(20)
def test_stranger_is_told_no_as_described(case, web, unchanged):
    case.validate_response(case.call(app=web.app))


@pytest.mark.long
@ANYTHING.parametrize()
@bounded(40)
def test_request_with_credentials_is_answered_as_described(case, web, subjects):
    answer = send(web, case, subjects)
    without = ["ignored_auth"]  # it takes the credentials that `send` adds for made-up ones
    if case.path == WEBHOOKS:  # an authentic notice is never refused for what it carries, and here all of them are
        without += ["negative_data_rejection", "missing_required_header"]
    if case.meta.is_negative_at(ParameterLocation.HEADER):  # the first case of all calls itself well-formed even so
        without.append("positive_data_acceptance")
    case.validate_response(answer, excluded_checks=checks(*without))


def digits(value):
    return sum(character.isdigit() for character in value) if isinstance(value, str) else 0


def query_made_sensible(case):
    if "account" in (case.query or {}):
        case.query["account"] = case.query["account"].translate(str.maketrans("0123456789", "abcdefghij"))
    if (
        case.path.endswith("/history") and "at" in case.query
    ):  # a day that there is and that has been, and nothing beside it
        case.query = {"at": "2026-01-01T00:00:00.5+01:00"}
    if case.path.endswith("/preview"):
        case.query = {"plan": "team"} if "plan" in case.query else {}


def made_sensible(case):
    """What the description cannot say: the plan is for sale, the account is new, names are letters, no value is rich in digits."""
    case.headers.pop("If-Match", None)  # the version of a subscription that the description knows nothing of
    if "account" in case.path_parameters:
        case.path_parameters["account"] = case.path_parameters["account"].translate(
            str.maketrans("0123456789", "abcdefghij")
        )
    if "account" in (case.query or {}):
        case.query["account"] = "acct-a"
    if case.path == "/v1/checkout-sessions":
        members = int(min(case.body.get("members", 1), 10_000))  # 1.0 is an integer in JSON Schema, and not to us
        order = {"account": f"acct-{next(NUMBERS)}", "purpose": "subscribe", "plan": "team", "members": members}
        case.body = case.body | order
    if case.path == "/v1/access-grants" and case.method == "POST":
        case.body = case.body | {"account": f"acct-{next(NUMBERS)}", "minutes": 30}
    if case.path.endswith("/completion"):
        payer = (
            {"country": "us"} | case.body.get("payer", {}) | {name: PAYER[name] for name in ("first_name", "last_name")}
        )
        payer = {name: value for name, value in payer.items() if digits(value) <= 12}
        case.body = {name: value for name, value in case.body.items() if digits(value) <= 12} | {"payer": payer}
    if case.path.endswith("/subscription"):
        case.body = {"members": int(min(case.body.get("members", 1), 10_000))} | (
            {"plan": "business"} if "plan" in case.body else {}
        )
    query_made_sensible(case)
    if case.path.endswith("/reactivation"):  # the cancellation is undone, and with it what was agreed
        case.body = {}
    if case.path.endswith("/refunds"):  # the decimals are the currency's, and there must be something left
        case.body = case.body | {"amount": {"amount": "1.00", "currency": "USD"}}


@pytest.mark.long
@WELL_FORMED.parametrize()
@bounded(15)
def test_well_formed_request_succeeds_as_described(case, web, subjects):
    made_sensible(case)
    answer = send(web, case, subjects)
    scenario = getattr(case.meta.phase.data, "scenario", None)
    assert 200 <= answer.status_code < 300, (scenario, answer.text)
    case.validate_response(answer, excluded_checks=checks("ignored_auth"))


STRANGERS = (
    "nobody",
    "of no form",
    "with a password",
    "made up",
    "revoked",
    "of another environment",
    "of another scope",
    "of another session",
)
LOCKED = WELL_FORMED.include(lambda context: context.operation.definition.raw["security"] != [])


@pytest.fixture
def strangers(web):
    """What each sends as its credentials: all wrong in a way of its own, most of them real."""
    revoked_id, revoked = web.new_key(*SCOPES)
    web.revoke(revoked_id)
    keys = {
        "of no form": "no-key",
        "made up": "pk_simulator_" + "A" * 43,
        "revoked": revoked,
        "of another environment": web.new_key(*SCOPES, environment="sandbox")[1],
        "of another scope": web.new_key("accounts:read")[1],
        "a seller": web.new_key("checkout:write")[1],
        "of another session": web.open(account="acct-other")["client_secret"],
    }
    return {"nobody": None, "with a password": "Basic dXNlcjpwYXNzd29yZA=="} | {
        name: f"Bearer {key}" for name, key in keys.items()
    }


@LOCKED.parametrize()
@LOCKED.given(who=st.sampled_from(STRANGERS))
@bounded(10)
def test_wrong_credentials_open_no_door(case, web, strangers, unchanged, who):
    sent = strangers["a seller" if who == "of another scope" and "account" in case.path_parameters else who]
    case.headers.pop("Authorization", None)
    answer = case.call(app=web.app, headers={"Authorization": sent} if sent else {})
    assert answer.status_code in {401, 403}
    assert traces(answer.text, VISA) == []
    case.validate_response(answer, excluded_checks=checks("positive_data_acceptance"))


MISFORTUNES = {
    "never sent": NeverSent("connection_refused"),
    "busy": RetryLater("throttled", status=429),
    "unknown": Unknown("read_timed_out"),
    "rejected": Rejected("invalid_request", status=400),
    "misconfigured": Misconfigured("credentials_refused", status=401),
    "declined": Declined("declined", DeclineReason.CALL_ISSUER, hard=False, status=400),
    "declined for good": Declined("fraud_suspected", DeclineReason.REFUSED, hard=True, status=400),
    "fields empty": FieldsRefused("fields_empty", Code.PAYMENT_FIELDS_TOKEN_EMPTY, status=400),
}
#: What BlueSnap is asked by each path, in order.
ASKED = {
    "/v1/checkout-sessions": ("create_payment_fields_token",),
    "/v1/checkout-sessions/{session_id}/renewals": ("create_payment_fields_token",),
    "/v1/checkout-sessions/{session_id}/completion": ("create_shopper", "create_subscription"),
    "/v1/accounts/{account}/subscription": ("get_subscription", "update_subscription"),
    "/v1/accounts/{account}/subscription/cancellation": ("update_subscription", "get_subscription"),
    "/v1/accounts/{account}/subscription/reactivation": ("update_subscription", "get_subscription"),
    "/v1/accounts/{account}/card": ("get_subscription_card",),
    "/v1/charges/{charge_id}/refunds": ("refund",),
}
ASKING = WELL_FORMED.include(path=list(ASKED))


@pytest.mark.long
@ASKING.parametrize()
@ASKING.given(what=st.sampled_from(sorted(MISFORTUNES)), late=st.booleans())
@bounded(15)
def test_trouble_with_bluesnap_is_answered_as_described(case, web, fresh_subjects, what, late):
    made_sensible(case)
    trouble = (ASKED[case.path][-1 if late else 0], MISFORTUNES[what])
    answer = send(web, case, fresh_subjects, trouble=trouble)
    assert answer.status_code in {202, 402, 409, 422, 502, 503}
    without = ("not_a_server_error", "ignored_auth", "positive_data_acceptance")
    case.validate_response(answer, excluded_checks=checks(*without))


def test_every_operation_that_asks_bluesnap_meets_its_trouble(web):
    """A new operation that calls BlueSnap is noticed here: its description lists the code for a BlueSnap that cannot be reached."""
    described = {
        path
        for path, operations in ANYTHING.raw_schema["paths"].items()
        if "bluesnap_unreachable" in str([one["responses"] for one in operations.values()])
    }
    assert described == set(ASKED)


def declared():
    """Each path with an example of it, and the methods that are described for it."""
    for path, operations in ANYTHING.raw_schema["paths"].items():
        example = path.replace("{account}", "acct-a").replace("{session_id}", f"cs_{'b' * 30}")
        example = example.replace("{charge_id}", f"ch_{'b' * 30}").replace("{grant_id}", f"gr_{'b' * 30}")
        yield pytest.param(example, METHODS & set(operations), id=path)


@pytest.mark.parametrize(("path", "methods"), list(declared()))
def test_method_that_is_not_described_is_not_allowed(web, path, methods):
    page = path.startswith(("/v1/checkout-sessions/", "/v1/page-reports"))  # a browser asks there before it calls
    allowed = methods | ({"head"} if "get" in methods else set()) | ({"options"} if page else set())
    for method in (METHODS | {"head"}) - allowed:
        answer = web.call(method.upper(), path, auth=web.key)
        if method != "head":
            problem(answer, 405, "method_not_allowed")
        assert answer.status_code == 405
        assert {one.strip().lower() for one in answer.headers["Allow"].split(",")} == allowed


PROBLEM = "application/problem+json"
ACCOUNT = {
    "account": "a",
    "access": {"plan": "community", "members": None, "until": None, "reason": "free"},
    "subscription": None,
    "confirming": False,
}
NOT_DESCRIBED = {
    "a crash": (500, PROBLEM, {}, {"ServerError", "UndefinedStatusCode"}),
    "a status": (418, "application/json", ACCOUNT, {"UndefinedStatusCode"}),
    "a media type": (200, "text/html", ACCOUNT, {"UndefinedContentType"}),
    "no field": (200, "application/json", {}, {"JsonSchemaError"}),
    "a field too many": (200, "application/json", {**ACCOUNT, "card": "1111"}, {"JsonSchemaError"}),
    "a field too many inside": (
        200,
        "application/json",
        {**ACCOUNT, "access": {**ACCOUNT["access"], "card": "1111"}},
        {"JsonSchemaError"},
    ),
    "a word": (
        200,
        "application/json",
        {**ACCOUNT, "access": {**ACCOUNT["access"], "reason": "gift"}},
        {"JsonSchemaError"},
    ),
    "a problem of no form": (422, PROBLEM, {"code": "account_malformed"}, {"JsonSchemaError"}),
}


def judged(status, media_type, body):
    """The names of what is wrong with such an answer to a request for an account."""
    case = ANYTHING["/v1/accounts/{account}"]["GET"].Case(path_parameters={"account": "a"})
    answer = case.call(app=Response(json.dumps(body), status, content_type=media_type))
    try:
        case.validate_response(answer, excluded_checks=checks("ignored_auth"))
    except FailureGroup as failures:
        return {type(one).__name__ for one in failures.exceptions}
    return set()


@pytest.mark.parametrize("what", NOT_DESCRIBED)
def test_answer_that_is_not_described_is_noticed(what):
    *answer, wrong = NOT_DESCRIBED[what]
    assert judged(*answer) == wrong


def test_answer_that_is_described_is_fine():
    assert judged(200, "application/json", ACCOUNT) == set()
