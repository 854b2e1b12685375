"""The module that a signup page copies (simulator/shop/static/panless.js): what it makes of every answer of Panless, and what it never sends."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import simulator.shop

pytestmark = pytest.mark.browser

SHOP = "http://localhost:59109"
FIELDS = "http://localhost:59107"
PANLESS = "http://127.0.0.1:59105"
MODULE = Path(simulator.shop.__file__).parent / "static" / "panless.js"
PAYER = {"first_name": "Ada", "last_name": "Lovelace", "country": "GB"}
FRAUD = "0123456789abcdef" * 2
GOOD_CARD = {
    "statusCode": "1",
    "cardData": {"last4Digits": "9299", "exp": "02/2031"},
    "transactionFraudInfo": {"fraudSessionId": FRAUD},
}
# Stands in for BlueSnap's script: remembers what it was created with, and answers what the test put in `cardResults`.
SCRIPT = """
  window.created = []; window.checks = []; window.told = []; window.cardResults = []; window.scripts = (window.scripts ?? 0) + 1;
  window.bluesnap = {
    hostedPaymentFieldsCreate(options) { created.push(options.token); checks.push(options["3DS"]); setTimeout(options.onFieldEventHandler.setupComplete); },
    hostedPaymentFieldsSubmitData(callback, data) { told.push(data ?? null); setTimeout(() => callback(cardResults.shift())); },
  };
"""
PAGE = """<!doctype html><html lang="en"><title>A signup page</title><script type="module">
  import { openCardReplacement, openCheckout } from "./panless.js";
  const replacing = location.search === "?replace";
  let opened = 0;
  const openSession = async () => {
    opened += 1;
    if (opened > sessionsToGive) throw new Error("no more sessions");
    const total = replacing ? null : { amount: "87.00", currency: "USD" };
    return { id: `cs_${opened}`, client_secret: `pcs_${opened}`, total, three_d_secure: window.demand, hosted_fields: { token: `fields-${opened}`, script_url: "%s/bluesnap.js" } };
  };
  window.sessionsToGive = 2; window.slow = 0; window.opened = () => opened;
  const real = window.setTimeout;  // the module waits for people and banks; the test does not
  window.setTimeout = (act, ms, ...rest) => real(act, Math.min(ms ?? 0, 20) + (ms > 9000 ? 1000000 : 0), ...rest);
  window.demand = "when_asked";
  const options = { panlessUrl: "%s", openSession };
  window.start = async () => {
    if (!replacing) return openCheckout(options);
    const { replace } = await openCardReplacement({ ...options, nextTotal: { amount: "116.00", currency: "USD" } });
    return { pay: (payer, onSlow) => replace(onSlow) };
  };
  window.checkout = await start();
</script>""" % (FIELDS, PANLESS)  # noqa: UP031  # the page is full of braces


class Panless:
    """Answers from a list; keeps what it was asked."""

    def __init__(self, page):
        self.page, self.answers, self.asked = page, [], []

    def answer(self, route):
        request = route.request
        body = json.loads(request.post_data) if request.post_data else None
        headers = request.all_headers()
        path = urlsplit(request.url).path.removeprefix("/v1/checkout-sessions")
        self.asked.append((f"{request.method} {path}", headers, body))
        status, found = self.answers.pop(0)
        if status == 0:
            route.abort()
        else:
            allow = {"Access-Control-Allow-Origin": SHOP}
            route.fulfill(status=status, json=found, headers=allow)

    def pay(self, *answers, card=GOOD_CARD):
        self.answers = [answer if isinstance(answer, tuple) else (answer, {}) for answer in answers]
        self.asked = []
        self.page.evaluate("(card) => { cardResults.push(card); }", card)
        result = self.page.evaluate("(payer) => checkout.pay(payer, () => { window.slow += 1; })", PAYER)
        assert self.answers == []
        return result

    @property
    def calls(self):
        return [call for call, _headers, _body in self.asked]

    @property
    def keys(self):
        return [headers["idempotency-key"] for _call, headers, _body in self.asked]


@pytest.fixture(scope="module")
def sheet(browser):
    """One page for all of this file: nothing of it outlives a load but its routes."""
    context = browser.new_context()
    context.set_default_timeout(15_000)
    context.route(f"{FIELDS}/**", lambda route: route.fulfill(body=SCRIPT, content_type="text/javascript"))
    context.route(
        re.compile(f"^{SHOP}/(\\?replace)?$"), lambda route: route.fulfill(body=PAGE, content_type="text/html")
    )
    context.route(f"{SHOP}/panless.js", lambda route: route.fulfill(path=MODULE, content_type="text/javascript"))
    yield context.new_page()
    context.close()


@pytest.fixture
def panless(sheet):
    yield from opened(sheet, f"{SHOP}/")


@pytest.fixture
def replacement(sheet):
    """The fields for another card; `pay` replaces it."""
    yield from opened(sheet, f"{SHOP}/?replace")


def opened(sheet, address):
    made = Panless(sheet)
    sheet.route(f"{PANLESS}/**", made.answer)
    sheet.goto(address)
    sheet.wait_for_function("window.checkout")
    yield made
    sheet.unroute(f"{PANLESS}/**")


def problem(status, code, **more):
    return status, {"code": code, **more}


FRESH = (201, {"status": "open", "hosted_fields": {"token": "fields-renewed", "script_url": f"{FIELDS}/bluesnap.js"}})


def test_paying_posts_payer_and_fraud_session_and_nothing_of_the_card(panless):
    assert panless.pay((201, {"id": "sub_x"})) == {"outcome": "active", "subscription": {"id": "sub_x"}}
    ((call, headers, body),) = panless.asked
    assert call == "POST /cs_1/completion"
    assert body == {"payer": PAYER, "fraud_session_id": FRAUD}
    assert headers["authorization"] == "Bearer pcs_1"
    assert str(uuid.UUID(headers["idempotency-key"])) == headers["idempotency-key"]
    assert "cookie" not in headers


def test_decline_renews_the_fields_on_the_same_session(panless):
    declined = problem(402, "card_declined", reason="declined")
    assert panless.pay(declined, FRESH) == {"outcome": "declined", "reason": "declined"}
    assert panless.calls == ["POST /cs_1/completion", "POST /cs_1/renewals"]
    assert panless.asked[1][2] == {}
    assert panless.page.evaluate("created") == ["fields-1", "fields-renewed"]
    assert panless.page.evaluate("scripts") == 1


def test_new_card_attempt_goes_out_under_a_new_key(panless):
    panless.pay(problem(402, "card_declined", reason="declined"), FRESH)
    first = panless.keys[0]
    assert panless.pay((201, {"id": "sub_x"}))["outcome"] == "active"
    assert panless.asked[0][1]["authorization"] == "Bearer pcs_1"
    assert panless.keys[0] != first


def test_decline_that_ends_the_session_opens_another(panless):
    declined = problem(402, "card_declined", reason="try_another_card")
    assert panless.pay(declined, problem(409, "session_failed"))["outcome"] == "declined"
    assert panless.page.evaluate("created") == ["fields-1", "fields-2"]
    panless.pay((201, {}))
    assert panless.asked[0][1]["authorization"] == "Bearer pcs_2"


@pytest.mark.parametrize("left", [1, 2])
def test_decline_says_so_when_no_further_try_is_possible(panless, left):
    panless.page.evaluate("(left) => { sessionsToGive = left; }", left)
    end = problem(409, "session_failed") if left == 1 else problem(429, "too_many_attempts")
    result = panless.pay(problem(402, "card_declined", reason="declined"), end)
    assert result == {"outcome": "declined", "reason": "declined", "closed": True}
    assert panless.page.evaluate("created") == ["fields-1"]


def test_lost_answer_is_asked_for_again_under_the_same_key(panless):
    assert panless.pay(0, 0, (201, {"id": "sub_x"}))["outcome"] == "active"
    assert panless.calls == ["POST /cs_1/completion"] * 3
    assert len(set(panless.keys)) == 1
    assert len({json.dumps(body) for _call, _headers, body in panless.asked}) == 1


def test_attempt_that_still_runs_is_waited_for_under_its_key(panless):
    running = problem(409, "idempotency_key_in_progress")
    assert panless.pay(running, running, (201, {}))["outcome"] == "active"
    assert len(set(panless.keys)) == 1


def test_attempt_without_an_outcome_is_sent_again_by_the_next_click(panless):
    assert panless.pay(problem(500, "internal_error")) == {"outcome": "unavailable"}
    first = panless.keys[0]
    assert panless.pay((201, {}), card=None)["outcome"] == "active"
    assert panless.keys == [first]


def test_outage_that_charged_nobody_starts_a_new_attempt(panless):
    assert panless.pay(problem(503, "bluesnap_unreachable")) == {"outcome": "unavailable"}
    first = panless.keys[0]
    assert panless.pay((201, {}))["outcome"] == "active"
    assert panless.keys[0] != first


def test_unknown_outcome_is_polled_until_it_is_settled(panless):
    confirming = (200, {"status": "confirming"})
    assert panless.pay(
        (202, {"status": "confirming"}), confirming, 0, 503, confirming, (200, {"status": "complete"})
    ) == {"outcome": "active"}
    assert panless.calls == ["POST /cs_1/completion"] + ["GET /cs_1"] * 5
    assert panless.page.evaluate("slow") == 1


def test_unknown_outcome_that_turns_out_a_decline_is_told_as_one(panless):
    open_again = (200, {"status": "open", "last_decline": {"advice": "try_another_card"}})
    assert panless.pay(202, open_again, FRESH) == {"outcome": "declined", "reason": "try_another_card"}


def test_unknown_outcome_that_came_to_nothing_asks_to_type_again(panless):
    assert panless.pay(202, (200, {"status": "open", "last_decline": None}), FRESH) == {"outcome": "retype"}


@pytest.mark.parametrize(
    "code", ["payment_fields_token_expired", "payment_fields_token_not_found", "payment_fields_token_empty"]
)
def test_dead_payment_fields_token_is_renewed_and_typed_again(panless, code):
    assert panless.pay(problem(409, code), FRESH) == {"outcome": "retype"}
    assert panless.page.evaluate("created.at(-1)") == "fields-renewed"


def test_expired_session_is_replaced_by_a_new_one(panless):
    gone = problem(410, "session_expired")
    assert panless.pay(gone, gone) == {"outcome": "retype"}
    assert panless.page.evaluate("opened()") == 2


@pytest.mark.parametrize("code", ["14040", "14041", "14042", "400"])
def test_token_that_died_before_the_card_was_sent_is_renewed(panless, code):
    failed = {"statusCode": "400", "error": [{"errorCode": code, "tagId": "ccn"}]}
    assert panless.pay(FRESH, card=failed) == {"outcome": "retype"}
    assert panless.calls == ["POST /cs_1/renewals"]


def test_fields_with_mistakes_are_told_and_nothing_is_sent(panless):
    errors = [{"errorCode": "10", "errorDescription": "empty", "tagId": "cvv"}]
    assert panless.pay(card={"statusCode": "400", "error": errors}) == {"outcome": "fields_invalid", "errors": errors}
    assert panless.calls == []


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (409, "subscription_exists", {"outcome": "exists"}),
        (409, "session_complete", {"outcome": "exists"}),
        (409, "signup_undecided", {"outcome": "undecided"}),
        (429, "too_many_attempts", {"outcome": "too_many_attempts"}),
        (422, "details_refused", {"outcome": "payer_invalid", "pointers": []}),
        (403, "session_foreign", {"outcome": "refused", "code": "session_foreign"}),
    ],
)
def test_refusals_come_out_as_named_outcomes(panless, status, code, outcome):
    assert panless.pay(problem(status, code)) == outcome


def test_field_errors_come_out_as_pointers(panless):
    errors = [{"pointer": "/payer/zip", "code": "field_malformed"}]
    found = panless.pay(problem(422, "field_malformed", errors=errors))
    assert found == {"outcome": "payer_invalid", "pointers": ["/payer/zip"]}


def test_renewal_of_a_session_that_was_paid_meanwhile_is_success(panless):
    dead = problem(409, "payment_fields_token_expired")
    assert panless.pay(dead, problem(409, "session_complete")) == {"outcome": "active"}


def test_second_click_while_paying_sends_nothing(panless):
    panless.answers = [(201, {})]
    panless.page.evaluate("(card) => { cardResults.push(card); }", GOOD_CARD)
    both = panless.page.evaluate("(payer) => Promise.all([checkout.pay(payer), checkout.pay(payer)])", PAYER)
    assert [result["outcome"] for result in both] == ["active", "active"]
    assert panless.calls == ["POST /cs_1/completion"]


CHECKED = GOOD_CARD | {"threeDSecure": {"authResult": "AUTHENTICATION_SUCCEEDED", "threeDSecureReferenceId": 12345678}}
FRESH_WITH_CHECK = (201, FRESH[1] | {"three_d_secure": "required"})


def ask_for_check(panless):
    """A bank wanted 3-D Secure: the fields that are mounted now run it."""
    declined = problem(402, "card_declined", reason="authentication_required")
    assert panless.pay(declined, FRESH_WITH_CHECK) == {"outcome": "declined", "reason": "authentication_required"}
    assert panless.page.evaluate("checks") == [False, True]


def failed(code):
    return {"statusCode": "400", "error": [{"errorCode": code, "errorDescription": "3D Secure", "tagId": "ccn"}]}


def test_soft_decline_renews_the_fields_and_runs_the_check(panless):
    ask_for_check(panless)
    assert panless.pay((201, {"id": "sub_x"}), card=CHECKED)["outcome"] == "active"
    assert panless.page.evaluate("told") == [
        None,
        {
            "amount": 87,
            "currency": "USD",
            "billingFirstName": "Ada",
            "billingLastName": "Lovelace",
            "billingCountry": "GB",
        },
    ]
    assert panless.asked[0][2] == {"payer": PAYER, "fraud_session_id": FRAUD, "three_d_secure_reference": "12345678"}


def test_session_that_demands_the_check_gets_it_at_once(panless):
    panless.page.evaluate("async () => { demand = 'required'; checkout = await start(); }")
    assert panless.page.evaluate("checks") == [False, True]
    panless.pay((201, {}), card=CHECKED)
    assert panless.asked[0][2]["three_d_secure_reference"] == "12345678"


def test_completion_refused_for_want_of_a_check_leads_into_it(panless):
    found = panless.pay(problem(422, "three_d_secure_required"), FRESH)
    assert found == {"outcome": "declined", "reason": "authentication_required"}
    assert panless.page.evaluate("checks") == [False, True]


def test_demand_for_the_check_outlives_the_session(panless):
    declined = problem(402, "card_declined", reason="authentication_required")
    panless.pay(declined, problem(409, "session_failed"))
    assert panless.page.evaluate("[created, checks]") == [["fields-1", "fields-2"], [False, True]]


@pytest.mark.parametrize("code", ["14101", "14103"])
def test_failed_check_gives_fresh_fields_and_sends_nothing(panless, code):
    ask_for_check(panless)
    assert panless.pay(FRESH_WITH_CHECK, card=failed(code)) == {"outcome": "authentication_failed"}
    assert panless.calls == ["POST /cs_1/renewals"]


@pytest.mark.parametrize(
    "found",
    [{}, {"threeDSecure": {"authResult": "AUTHENTICATION_FAILED", "threeDSecureReferenceId": "12345678"}}],
)
def test_check_without_a_usable_result_counts_as_failed(panless, found):
    ask_for_check(panless)
    assert panless.pay(FRESH_WITH_CHECK, card=GOOD_CARD | found) == {"outcome": "authentication_failed"}


@pytest.mark.parametrize("code", ["14100", "14102"])
def test_check_that_cannot_be_made_is_told(panless, code):
    ask_for_check(panless)
    assert panless.pay(card=failed(code)) == {"outcome": "authentication_unavailable"}
    assert panless.calls == []


def test_replacement_sends_no_payer_and_tells_the_subscription(replacement):
    found = replacement.pay((200, {"id": "sub_x"}))
    assert found == {"outcome": "replaced", "subscription": {"id": "sub_x"}}
    ((call, _headers, body),) = replacement.asked
    assert (call, body) == ("POST /cs_1/completion", {"fraud_session_id": FRAUD})


def test_check_of_a_replacement_names_the_next_total(replacement):
    ask_for_check(replacement)
    assert replacement.pay((200, {}), card=CHECKED)["outcome"] == "replaced"
    assert replacement.page.evaluate("told.at(-1)") == {"amount": 116, "currency": "USD"}
    assert replacement.asked[0][2] == {"fraud_session_id": FRAUD, "three_d_secure_reference": "12345678"}


def test_unknown_replacement_is_polled_until_it_is_settled(replacement):
    found = replacement.pay((202, {"status": "confirming"}), (200, {"status": "complete"}))
    assert found == {"outcome": "replaced"}


def test_replacement_that_came_to_nothing_asks_to_type_again(replacement):
    assert replacement.pay(202, (200, {"status": "open", "last_decline": None}), FRESH) == {"outcome": "retype"}


def test_cards_that_cannot_be_told_apart_give_fresh_fields(replacement):
    assert replacement.pay(problem(409, "cards_alike"), FRESH) == {"outcome": "cards_alike"}
