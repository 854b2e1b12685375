"""A signup and all that can come in its way, by plain HTTP against the whole running stack."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests
from journeys_entrances import ENTRANCES, NUMBER
from journeys_stage import (
    PRICES,
    ROOT,
    SESSIONS,
    WEBHOOKS,
    account_of,
    at_once,
    eventually,
    new_name,
    paused,
    places_with,
    problem,
    shell_blocks,
    told,
    windows,
)
from journeys_unreadable import CANARY, UNREADABLE, raw

PACIFIC = ZoneInfo("America/Los_Angeles")
FREE = {"plan": "community", "members": None, "until": None, "reason": "free"}


def month_after(day):
    """The same day of the next month, or that month's last."""
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = ((first + timedelta(days=32)).replace(day=1) - timedelta(days=1)).day
    return first.replace(day=min(day.day, last))


def test_month_after_keeps_within_the_shorter_month():
    assert month_after(date(2027, 12, 5)) == date(2028, 1, 5)
    assert month_after(date(2028, 1, 31)) == date(2028, 2, 29)


# 1. the README


def test_readme_signup_by_plain_http_ends_in_the_team_plan(stage):
    if shutil.which("curl") is None:
        if os.environ.get("CI"):
            pytest.fail("the README's signup needs curl", pytrace=False)
        pytest.skip("the README's signup needs curl")
    blocks = shell_blocks((ROOT / "README.md").read_text(encoding="utf-8"), "The same by plain HTTP")
    assert len(blocks) == 3
    script = "".join(blocks)
    addresses = {
        "http://127.0.0.1:8080": stage.stack.service_url,
        "http://localhost:8091": stage.stack.fields_url,
        ".venv/bin/python ": f"'{sys.executable}' ",
    }
    for fixed, here in addresses.items():
        assert fixed in script
        script = script.replace(fixed, here)
    settings = [line for line in stage.stack.settings_file.read_text().splitlines() if line.startswith("PANLESS_")]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **dict(line.split("=", 1) for line in settings)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # what an operator changes is told to standard error, in the log's own form
    assert [json.loads(line)["act"] for line in done.stderr.splitlines()] == ["key.created"]
    assert re.search(r"\}\s*team\n$", done.stdout)


# 2. signups that go well


@pytest.mark.parametrize(
    ("card", "plan", "members"),
    [
        ("visa", "team", 1),
        ("mastercard", "team", 10),
        ("amex", "business", 3),
        ("discover", "business", 20),
        ("diners", "team", 7),
        ("jcb", "business", 10_000),
    ],
)
def test_signup_with_each_brand_is_charged_once_and_exactly(stage, name, card, plan, members):
    total = {"amount": f"{PRICES[plan] * members}.00", "currency": "USD"}
    before, begun_at = stage.account(name), stage.now_at()
    session = stage.open(name, plan, members, card=card)
    assert (session["status"], session["total"]) == ("open", total)
    answer = stage.complete(session, name)
    assert answer.status_code == 201, told(answer)
    bought = answer.json()

    entries = stage.ledger(since=begun_at)
    assert [entry["kind"] for entry in entries] == ["token", "shopper", "subscription", "charge"]
    assert entries[0]["id"] == session["hosted_fields"]["token"]
    for money in entries[2:]:
        assert {"amount": money["amount"], "currency": money["currency"], "quantity": money["quantity"]} == {
            **total,
            "quantity": 1,
        }
    paid_on = datetime.fromisoformat(entries[3]["at"]).astimezone(PACIFIC).date()
    renews_on = month_after(paid_on)
    until = datetime.combine(renews_on, time(), PACIFIC)
    sold = {
        "account": account_of(name),
        "plan": plan,
        "members": members,
        "status": "active",
        "total": total,
        "next_charge": {"date": renews_on.isoformat(), "total": total},
    }
    assert {field: bought[field] for field in sold} == sold
    assert datetime.fromisoformat(bought["paid_until"]) == until
    assert before == {"account": account_of(name), "access": FREE, "subscription": None, "confirming": False}
    after = stage.account(name)
    assert after["subscription"] == bought
    assert after["access"] == {"plan": plan, "members": members, "until": bought["paid_until"], "reason": "paid"}
    assert stage.read(session)["status"] == "complete"


# 3. declines

DECLINED = {
    "incorrect": ("incorrect_details", "declined"),
    "invalid": ("incorrect_details", "declined"),
    "insufficient_funds": ("insufficient_funds", "declined"),
    "call_issuer": ("call_issuer", "declined"),
    "expired": ("card_expired", "try_another_card"),
    "declined": ("refused", "try_another_card"),
    "three_d_secure": ("authentication_required", "authentication_required"),
}


@pytest.mark.parametrize("card", DECLINED)
def test_declined_card_is_followed_by_a_good_one(stage, name, card):
    reason, advice = DECLINED[card]
    session, key = stage.open(name, card=card), str(uuid.uuid4())
    refused = stage.complete(session, name, key=key)
    assert problem(refused, 402, "card_declined")["reason"] == advice
    calls = stage.received("create_shopper")
    again = stage.complete(session, name, key=key)
    assert again.json() | {"request_id": None} == refused.json() | {"request_id": None}
    assert stage.received("create_shopper") == calls

    as_page, as_platform = stage.read(session), stage.read(session, auth=stage.stack.api_key)
    assert as_page["last_decline"] == {"advice": advice}
    assert as_platform["last_decline"] == {"advice": advice, "reason": reason}
    assert reason == advice or reason not in told(refused) + json.dumps(as_page)
    assert stage.account(name)["access"] == FREE

    if card == "three_d_secure":  # from here on the session demands it (tests/journeys/test_journeys_cards.py goes on)
        problem(stage.type_again(session, name), 422, "three_d_secure_required")
        return
    assert stage.type_again(session, name).status_code == 201
    assert stage.sold(name) == (1, 1)
    assert stage.account(name)["access"]["plan"] == "team"


def test_card_that_declines_only_when_charged_is_charged_once_in_the_end(stage, name):
    session = stage.open(name, card="visa")
    stage.fail_next("create_subscription", "decline", reason="INSUFFICIENT_FUNDS")
    assert problem(stage.complete(session, name), 402, "card_declined")["reason"] == "declined"
    assert stage.sold(name) == (0, 0)
    assert stage.type_again(session, name).status_code == 201
    assert stage.sold(name) == (1, 1)


def test_third_decline_ends_the_session_and_charges_nothing(stage, name):
    session = stage.open(name, card="insufficient_funds")
    for _ in range(2):
        problem(stage.complete(session, name), 402, "card_declined")
        session = stage.renew(session)
        stage.fill(session, "insufficient_funds")
    problem(stage.complete(session, name), 402, "card_declined")
    assert stage.read(session)["status"] == "failed"
    problem(stage.complete(session, name), 429, "too_many_attempts")
    assert stage.sold(name) == (0, 0)


# 4. time


def test_expired_payment_fields_are_renewed_and_the_card_typed_again(stage, name):
    session = stage.open(name, card="visa")
    stage.lever("clock", {"advance": "PT61M"})
    try:
        problem(stage.complete(session, name), 409, "payment_fields_token_expired")
        assert stage.read(session)["status"] == "open"
        assert stage.type_again(session, name).status_code == 201
    finally:
        stage.lever("clock", {"set": datetime.now(UTC).isoformat()})
    assert stage.sold(name) == (1, 1)


# 5. duplicates


def bought_once(stage, name, answers):
    """The answers are of a purchase that happened once; each tells the truth of its moment."""
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {201, 202, 409, 503}, statuses  # a worker has fewer slots than that
    bought = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(bought) <= 1
    assert eventually(lambda: stage.account(name)["subscription"])["id"] in (
        bought or {stage.account(name)["subscription"]["id"]}
    )
    assert stage.sold(name) == (1, 1)


def test_twenty_completions_at_once_buy_one_subscription(stage, name):
    session = stage.open(name, card="visa")
    stage.fail_next("create_subscription", "delay", seconds=0.3)
    bought_once(stage, name, at_once(*[lambda: stage.complete(session, name)] * 20))
    assert stage.complete(session, name).status_code == 201


def test_one_key_sent_ten_times_at_once_buys_one_subscription(stage, name):
    session, key = stage.open(name, card="visa"), str(uuid.uuid4())
    stage.fail_next("create_subscription", "delay", seconds=0.3)
    answers = at_once(*[lambda: stage.complete(session, name, key=key)] * 10)
    bought_once(stage, name, answers)
    refused = [answer for answer in answers if answer.status_code == 409]
    assert {answer.json()["code"] for answer in refused} <= {"idempotency_key_in_progress"}
    assert all("Retry-After" in answer.headers for answer in refused)
    replayed = stage.complete(session, name, key=key)
    assert (replayed.status_code, replayed.json()["account"]) == (201, account_of(name))


def test_two_sessions_of_an_account_at_once_buy_one_subscription(stage, name):
    sessions = [stage.open(name, card="visa"), stage.open(name, "business", 2, card="mastercard")]
    stage.fail_next("create_subscription", "delay", seconds=0.3)
    answers = at_once(*[lambda session=session: stage.complete(session, name) for session in sessions])
    bought_once(stage, name, answers)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    [refused] = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert refused in {"subscription_exists", "signup_undecided"}
    problem(stage.order(name), 409, "subscription_exists")


# 7. notices


def counted(stage):
    """How many notices of payments the service has counted, by what became of them."""
    outcomes = ("applied", "waiting", "hint", "ignored", "failed", "repeated")
    return {one: stage.metric("panless_notices_total", type="CHARGE", outcome=one) for one in outcomes}


def risen(before, after):
    return {outcome: after[outcome] - number for outcome, number in before.items() if after[outcome] != number}


def resend(stage, notice, **how):
    """Have BlueSnap send a notice again; the status that this delivery was answered with."""
    number = len(notice["deliveries"])

    def deliveries():
        return next(one for one in stage.lever("notices")["notices"] if one["id"] == notice["id"])["deliveries"]

    stage.lever("notices", {"resend": notice["id"], **how})
    eventually(lambda: len(deliveries()) > number)
    notice["deliveries"] = deliveries()
    return notice["deliveries"][-1]["status"]


def test_notice_of_the_charge_is_taken_once_however_often_it_comes(stage, name):
    stage.quiet()
    before = counted(stage)
    stage.buy(name)
    notice = stage.delivered(name)
    assert (notice["type"], [one["status"] for one in notice["deliveries"]]) == ("CHARGE", [200])
    assert sum(risen(before, counted(stage)).values()) == 1
    rows, account, before = stage.tables("public"), stage.account(name), counted(stage)
    assert resend(stage, notice) == 200
    assert risen(before, counted(stage)) == {"repeated": 1}
    assert resend(stage, notice, shift_seconds=-3600) == 200
    assert stage.tables("public") == rows
    assert stage.account(name) == account


@pytest.mark.parametrize("tamper", ["unsigned", "signature", "body"])
def test_forged_notice_is_refused_and_changes_nothing(stage, name, tamper):
    stage.buy(name)
    notice = stage.delivered(name)
    rows, before, refused = stage.tables("public"), counted(stage), stage.metric("panless_notices_refused_total")
    assert resend(stage, notice, tamper=tamper) == 401
    assert stage.tables("public") == rows
    assert counted(stage) == before
    assert stage.metric("panless_notices_refused_total") == refused + 1


def test_stale_notice_is_kept_as_a_hint_and_changes_no_state(stage, name):
    stage.lever("notices", {"mode": "drop"})
    try:
        stage.buy(name)
    finally:
        stage.lever("notices", {"mode": "send"})
    [charge] = stage.done_for(name, "charge")
    [notice] = [one for one in stage.lever("notices")["notices"] if one["reference"] == charge["id"]]
    rows, account, before = stage.tables("public"), stage.account(name), counted(stage)
    with paused(stage):  # it would look, and the second notice be the same said again
        assert resend(stage, notice, shift_seconds=-3600) == 200
        assert risen(before, counted(stage)) == {"hint": 1}
        assert stage.account(name) == account
        changed = {table for table, text in stage.tables("public").items() if text != rows[table]}
        assert "public.notices" in changed
        kept = {"public.entries", "public.versions", "public.chain", "public.image_keys"}  # that the notice was kept
        assert changed <= {"public.notices", "public.subscriptions", *kept}  # when to look at BlueSnap is written there
        assert resend(stage, notice) == 200
        assert risen(before, counted(stage)) == {"hint": 1, "applied": 1}
    assert stage.account(name) == account
    assert stage.tables("public")["public.charges"] == rows["public.charges"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probe_of_the_webhook_address_is_answered_empty(stage, method):
    answer = stage.call(method, WEBHOOKS)
    assert (answer.status_code, answer.content) == (200, b"")


# 8. keys


def test_revoked_key_stops_at_once_and_no_list_shows_a_key(stage, name):
    made = json.loads(stage.stack.command("keys", "create", "--json", "--name", "leaver", "--scope", "accounts:read"))
    path = f"/v1/accounts/{account_of(name)}"
    assert stage.call("GET", path, auth=made["key"]).status_code == 200
    problem(stage.call("POST", SESSIONS, auth=made["key"], key=str(uuid.uuid4()), json={}), 403, "scope_missing")
    listed = stage.stack.command("keys", "list", "--json")
    assert made["id"] in {one["id"] for one in json.loads(listed)}
    secrets = [made["key"].rpartition("_")[2], stage.stack.api_key.rpartition("_")[2]]
    assert not any(secret in listed for secret in secrets)
    stage.stack.command("keys", "revoke", made["id"])
    problem(stage.call("GET", path, auth=made["key"]), 401, "key_revoked")
    assert places_with(stage.left_behind(), [made["key"]]) == set()


# 9. restarts


def end(stage):
    """Ask the service to end, as an operator does; its exit status."""
    process = stage.stack.children["service"]
    process.terminate()
    return process.wait(20)


def begin_again(stage):
    stage.stack.launch("service")

    def ready():
        try:
            return stage.call("GET", "/readyz").status_code == 200
        except requests.ConnectionError:
            return False

    eventually(ready)
    stage.stack.check()


def test_restart_of_the_service_keeps_sessions_and_subscriptions(stage, name):
    other = new_name()
    session, bought = stage.open(name, card="visa"), stage.buy(other)
    account = stage.account(other)
    assert end(stage) == 0
    begin_again(stage)
    assert stage.account(other) == account
    assert account["subscription"] == bought
    assert stage.read(session)["hosted_fields"] == session["hosted_fields"]
    assert stage.complete(session, name).status_code == 201
    assert stage.sold(name) == (1, 1)


def test_service_that_is_told_to_end_finishes_the_charge_it_began(stage, name):
    session = stage.open(name, card="visa")
    stage.fail_next("create_subscription", "delay", seconds=1.5)
    with ThreadPoolExecutor(1) as pool:
        completion = pool.submit(stage.complete, session, name)
        stage.faults_met()
        assert end(stage) == 0
        answer = completion.result()
    begin_again(stage)
    assert answer.status_code == 201, told(answer)
    assert stage.read(session)["status"] == "complete"
    assert stage.sold(name) == (1, 1)


# 10. nothing of a card


def test_card_typed_into_the_frames_is_nowhere_afterwards(stage, name):
    session = stage.open(name)
    token, year = session["hosted_fields"]["token"], datetime.now(UTC).year + 3
    filled = requests.put(
        f"{stage.stack.fields_url}/services/2/payment-fields-tokens/{token}",
        headers={"Token-Authentication": token},
        json={"ccNumber": NUMBER, "expDate": f"11/{year}", "cvv": "971"},
        timeout=10,
    )
    assert (filled.status_code, filled.json()["last4Digits"]) == (200, NUMBER[-4:])
    assert stage.complete(session, name).status_code == 201
    stage.delivered(name)
    stage.account(name)
    left = stage.left_behind()
    assert places_with(left, [*windows(NUMBER), f"11/{year}"]) == set()
    assert places_with(left, [token[:-1]]) <= {"answers", "said to BlueSnap"}
    assert {"public.entries", "public.signups", "public.notices", "service.log", "simulator.log"} <= set(left)


def test_search_for_a_card_finds_one_that_is_there(stage, name):
    left = stage.left_behind() | {"somewhere": f"card: {NUMBER}."}
    assert places_with(left, windows(NUMBER)) == {"somewhere"}
    assert places_with({**left, "there": account_of(name)}, [account_of(name)]) == {"there"}


@pytest.fixture(scope="module")
def after_card_came_in(stage):
    """The status that each entrance answered a card number with, and everything that the stack has written since."""
    statuses = {entrance: send(stage).status_code for entrance, (send, _) in ENTRANCES.items()}
    return statuses, stage.left_behind()


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_card_number_at_an_entrance_is_answered_plainly(after_card_came_in, entrance):
    assert after_card_came_in[0][entrance] == ENTRANCES[entrance][1]


def test_card_number_sent_to_every_entrance_is_nowhere_afterwards(after_card_came_in):
    assert places_with(after_card_came_in[1], windows(NUMBER)) == set()


def test_notice_that_carries_a_card_is_taken_without_it(stage, name):
    stage.buy(name)
    [charge] = stage.done_for(name, "charge")
    form = dict.fromkeys(("creditCardNumber", "firstName", "referenceNumber", "subscriptionId", NUMBER), NUMBER)
    made = stage.lever("notices", {"compose": {"transactionType": "CHARGE", "accountId": charge["shopper_id"], **form}})

    def delivered():
        return next(one for one in stage.lever("notices")["notices"] if one["id"] == made["id"])["deliveries"]

    assert [one["status"] for one in eventually(delivered)] == [200]
    assert places_with(stage.left_behind(), windows(NUMBER)) == set()


# 11. requests that never reach the app


@pytest.mark.parametrize("what", UNREADABLE)
def test_unreadable_request_gets_a_constant_problem_and_one_line(stage, what):
    make, expected = UNREADABLE[what]
    stage.quiet()
    lines = len(stage.service_log())
    status, answer = raw(stage, make(stage), ended="half-way" in what)
    assert status == expected, answer
    head, _, body = answer.partition("\r\n\r\n")
    assert "content-type: application/problem+json" in head.lower()
    said = json.loads(body)
    assert set(said) == {"type", "title", "status", "code", "request_id"}
    codes = {413: {"body_too_large"}, 400: {"request_malformed", "body_malformed"}}
    assert said["status"] == status
    assert said["code"] in codes.get(status, {"request_malformed"})
    [line] = eventually(lambda: stage.service_log()[lines:])
    assert (line["event"], line["status"], line["request_id"]) == ("request.answered", status, said["request_id"])
    assert CANARY not in answer + json.dumps(line)


# 12. metrics


def test_metrics_are_served_on_their_own_port_only(stage):
    problem(stage.call("GET", "/metrics"), 404, "not_found")
    problem(stage.call("GET", "/metrics", headers={"Host": f"127.0.0.1:{stage.stack.ports.metrics}"}), 404, "not_found")
    origin = stage.stack.metrics_url.removesuffix("/metrics")
    page = requests.get(f"{origin}/metrics", timeout=10)
    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    for path in ("/healthz", SESSIONS, "/v1/accounts/a", WEBHOOKS, "/openapi.yaml"):
        problem(requests.get(origin + path, timeout=10), 404, "not_found")


def test_metrics_count_what_every_worker_answered(stage):
    labels = {"door": "accounts", "method": "GET", "status": "401"}
    before = stage.metric("panless_requests_total", **labels)
    answers = at_once(*[lambda: stage.call("GET", "/v1/accounts/a")] * 40)
    assert {answer.status_code for answer in answers} == {401}
    # whichever worker is asked for the page
    pages = [stage.metric("panless_requests_total", **labels) for _ in range(10)]
    assert pages == [before + 40] * 10
