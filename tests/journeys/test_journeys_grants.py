"""A day of support: somebody asks to see an account, somebody else approves, every look is in the journal, and then it is over. All over HTTP."""

from __future__ import annotations

import uuid

import psycopg
import pytest
import requests
from journeys_stage import account_of, eventually, problem, told

GRANTS = "/v1/access-grants"


@pytest.fixture
def sign_in(stage):
    """The identity of one of the made-up people, as the issuer signs it."""

    def identity(name):
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{stage.stack.issuer_url}/identities/{name}", timeout=10)
        assert answer.status_code == 200
        return answer.text.strip()

    return identity


@pytest.fixture(scope="module")
def people(stage):
    """Mira and Noor are in support, Otto is an auditor."""
    from dev.people import make_known

    make_known(stage.stack)


def ask(stage, who, name, **changed):
    wish = {"account": account_of(name), "purpose": "payment_problem", "ticket": "SUP-1234", **changed}
    return stage.call("POST", GRANTS, auth=who, key=str(uuid.uuid4()), json=wish)


def approve(stage, who, grant):
    return stage.call("POST", f"{GRANTS}/{grant['id']}/approval", auth=who, key=str(uuid.uuid4()), json={})


def look(stage, who, name):
    return stage.call("GET", f"/v1/support/accounts/{account_of(name)}", auth=who)


def entries(stage, otto, grant):
    """The acts of a grant, with who did them, as an auditor reads them."""
    found, after = [], ""
    while True:
        page = stage.call("GET", f"/v1/audit/entries?limit=100{after}", auth=otto).json()
        found += [(one["act"], one["actor"]) for one in page["entries"] if one["subject"] == grant["id"]]
        if len(page["entries"]) < 100:
            return found
        after = f"&after={page['next']}"


def test_support_looks_under_a_grant_of_two_persons_until_it_is_ended(stage, name, people, sign_in):
    stage.buy(name)
    mira, noor, otto = sign_in("mira"), sign_in("noor"), sign_in("otto")
    problem(look(stage, mira, name), 403, "grant_missing")
    grant = ask(stage, mira, name).json()
    problem(approve(stage, mira, grant), 403, "second_person_needed")
    problem(look(stage, mira, name), 403, "grant_missing")
    assert approve(stage, noor, grant).json()["status"] == "live"

    seen = look(stage, mira, name)
    assert seen.status_code == 200, told(seen)
    assert seen.headers["Cache-Control"] == "no-store"
    body = seen.json()
    assert (body["grant"], body["subscription"]["plan"], body["bluesnap_answered"]) == (grant["id"], "team", "yes")
    assert (body["payer"]["first_name"], body["card"]["brand"]) == (name, "VISA")
    assert body["card"] == stage.call("GET", f"/v1/accounts/{account_of(name)}/card", auth=stage.stack.api_key).json()
    problem(look(stage, noor, name), 403, "grant_missing")

    assert stage.call("DELETE", f"{GRANTS}/{grant['id']}", auth=noor).status_code == 204
    problem(look(stage, mira, name), 403, "grant_missing")
    told_of = entries(stage, otto, grant)
    assert [act for act, _ in told_of] == ["grant.requested", "grant.approved", "grant.looked", "grant.ended"]
    asker, approver, looker, ender = (actor for _, actor in told_of)
    assert asker == looker != approver == ender
    kept = {place: text for place, text in stage.tables().items() if place.startswith("public.")} | stage.logs()
    assert [
        place for place, text in kept.items() if body["payer"]["first_name"] in text and place != "simulator.log"
    ] == []


def test_record_is_shown_alone_while_bluesnap_does_not_answer(stage, name, people, sign_in):
    stage.buy(name)
    mira, noor = sign_in("mira"), sign_in("noor")
    grant = ask(stage, mira, name).json()
    approve(stage, noor, grant)
    stage.fail_next("get_shopper", "status", status=503)
    seen = look(stage, mira, name).json()
    assert (seen["bluesnap_answered"], seen["payer"], seen["card"]) == ("no", None, None)
    assert seen["subscription"]["plan"] == "team"


def test_broken_glass_opens_at_once_and_puts_a_task_before_people(stage, name, people, sign_in):
    stage.buy(name)
    mira = sign_in("mira")
    grant = ask(stage, mira, name, break_glass=True).json()
    assert (grant["status"], grant["minutes"]) == ("live", 30)
    assert look(stage, mira, name).status_code == 200
    assert grant["id"] in stage.tables("public")["public.tasks"]
    assert any(one["event"] == "grant.glass_broken" and one["subject"] == grant["id"] for one in stage.service_log())


def test_each_part_comes_to_the_database_with_a_login_of_its_own(stage, name, people, sign_in):
    stage.buy(name)
    look(stage, sign_in("mira"), name)
    stage.call("GET", "/v1/audit/entries", auth=sign_in("otto"))
    parts = {f"local_{part}" for part in ("web", "intake", "support", "auditor", "worker")}
    eventually(lambda: logins(stage) == parts)  # BlueSnap tells of the purchase a moment later


def logins(stage):
    """Those that the running processes have come with."""
    with psycopg.connect(stage.stack.database_url, autocommit=True) as connection:
        seen = connection.execute("SELECT usename FROM pg_stat_activity WHERE application_name LIKE 'panless%'")
        return {login for (login,) in seen} - {"panless"}


def test_platforms_key_is_no_person(stage, name):
    problem(look(stage, stage.stack.api_key, name), 401, "credentials_malformed")
