"""The cases of what BlueSnap's answers say (E110 to E118): where a value stands that should not, and where an answer leads that should not."""

from __future__ import annotations

import contextlib
import json
import socket

from leaks_outcomes import says_nothing_of
from leaks_provider import (
    CONFIRMING,
    DONE,
    SHOWN,
    bought,
    described,
    every_reading,
    mapped,
    opening,
    outcome_of,
    reading_card,
    said,
    settled,
    together,
    with_properties,
)
from leaks_registry import sender

from tests.support import hostile_provider


@sender("E110")
def unknown_property(case, stage):
    """In everything that a purchase and a reading are answered with: nobody looks at it."""
    stage_account = bought(stage)[0]
    session = stage.ready()
    for call in ("create_shopper", "create_subscription", "get_subscription"):
        stage.provider.order(call, with_properties(stage))
    card = stage.reading(f"/v1/accounts/{stage_account}/card")
    return mapped(stage, stage.send_all([stage.completing(session, {}), card]), DONE, SHOWN)


@sender("E111")
def last_four(case, stage):
    """The property that may be shown, and the one beside it, hold a whole number; in a vaulted card and in the one that is charged."""
    word = stage.payload(case)

    def altered(name):
        def change(body):
            document = json.loads(body)
            sources = document.get("paymentSources") or document.get("paymentSource")
            infos = sources["creditCardInfo"]
            for info in infos if isinstance(infos, list) else [infos]:
                info["creditCard"][name] = word if name == "cardLastFourDigits" else said(stage).split(" ")[0]
            return json.dumps(document).encode()

        return hostile_provider.with_body(change)

    session, card = stage.ready(), reading_card(stage)
    stage.provider.order("create_shopper", altered("cardLastFourDigits"))
    stage.provider.order("get_subscription", altered("cardLastFourDigits"))
    stage.provider.order("get_subscription", altered("cardType"))
    # four digits are what a last four has: nobody can tell that they are a code
    allowed = (DONE, "card_not_found", *((SHOWN,) if len(word) == 4 else ()))
    seen = stage.send_all([stage.completing(session, {}), card, card])
    seen = mapped(stage, seen, *allowed)
    if len(word) == 4:
        seen.judge = four_digits_are_shown_and_not_kept(stage, seen)
    return seen


def four_digits_are_shown_and_not_kept(stage, seen):
    """A code of four digits in the place of the last four is shown as they are, once, and never kept (DESIGN section 2.1)."""

    def judge():
        stage.provider.assert_all_met()
        bought_, shown, other = seen.answers
        assert bought_.status == DONE
        says_nothing_of(stage.case, stage, bought_)
        assert json.loads(shown.body).keys() == {"brand", "last_four"}
        assert shown.header("Cache-Control") == "no-store"
        says_nothing_of(stage.case, stage, other)
        assert outcome_of(other) == "card_not_found"

    return judge


@sender("E112")
def error_description(case, stage):
    """A refusal that repeats what it refuses: in its texts, its names and its codes; of a card, of details, of a charge."""
    word = said(stage)
    texts = {"description": f"Invalid value {word}", "invalidProperty": {"name": word, "messageValue": word}}
    refusals = [
        ("create_shopper", {"errorName": "INSUFFICIENT_FUNDS", "code": "14002", **texts}),
        ("create_shopper", {"errorName": f"CARD {word}", "code": word, **texts}),
        ("create_subscription", {"errorName": word.upper(), "code": "14002", **texts}),
    ]
    seen = []
    sessions = []
    for call, message in refusals:
        session = stage.ready()
        sessions.append(session)
        body = json.dumps({"message": [message], **described(stage)}).encode()
        stage.provider.order(call, hostile_provider.answer("400 Bad Request", body=body))
        seen.append(stage.send(stage.completing(session, {})))
    for session in sessions:
        settled(stage, session)
    return mapped(stage, together(seen), "card_declined", "details_refused", "bluesnap_failed", CONFIRMING)


@sender("E113")
def server_error(case, stage):
    """A page of HTML, with any of three statuses, also where a card is being vaulted."""
    page = f"<html><body><h1>Error</h1><pre>{said(stage)}</pre></body></html>".encode()
    pages = [hostile_provider.answer(f"{status} {said(stage)}", body=page, media="text/html") for status in (500, 503)]
    session, card = stage.ready(), reading_card(stage)
    seen = []
    for reply in pages:
        stage.provider.order("create_token", reply)
        seen.append(stage.send(opening(stage)))
    stage.provider.order("get_subscription", pages[0])
    seen.append(stage.send(card))
    stage.provider.order("create_shopper", pages[0])
    seen.append(stage.send(stage.completing(session, {})))
    settled(stage, session)
    return mapped(stage, together(seen), "bluesnap_failed", "bluesnap_busy", CONFIRMING)


@sender("E114")
def truncated_json(case, stage):
    """The document ends in mid-number: of what was read, and of a subscription that was made, which is looked for and found."""
    body = json.dumps(described(stage)).encode()[:-2]
    whole = hostile_provider.answer("200 OK", body=body)
    session, card = stage.ready(), reading_card(stage)
    stage.provider.order("get_subscription", whole)
    read = stage.send(card)
    stage.provider.order("create_subscription", whole, happens=True)
    sold = stage.send(stage.completing(session, {}))
    settled(stage, session)
    return mapped(stage, together([read, sold]), "bluesnap_failed", CONFIRMING)


@sender("E116")
def token_location(case, stage):
    """The payment-fields token is the last part of this header, and is handed out: it must be none that is a card's."""
    parts = {
        stage.labelled(case),
        f"{stage.labelled(case)}_",
    }  # a code without its name is four digits, as any token may hold
    seen = []
    for part in sorted(parts):
        there = f"Location: {stage.provider.url}/services/2/payment-fields-tokens/{part}?{stage.marker}"
        stage.provider.order("create_token", hostile_provider.answer("201 Created", there))
        seen.append(stage.send(opening(stage)))
    return mapped(stage, together(seen), "bluesnap_failed")


@sender("E117")
def redirect(case, stage):
    """To another host and to another path of the same one: nobody goes there."""
    word = stage.payload(case)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0)
        there = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/{word}?card={word}&said={stage.marker}"
        before = stage.provider.mark()
        seen = every_reading(
            stage, hostile_provider.answer("307 Temporary Redirect", f"Location: {there}"), "bluesnap_failed"
        )
        with contextlib.suppress(BlockingIOError):
            elsewhere.accept()
            raise AssertionError("somebody followed the redirect")
    asked = stage.provider.since(before)
    assert not any(stage.marker in one.head for one in asked), "somebody followed the redirect"
    return seen


@sender("E118")
def cookie(case, stage):
    """Set by two answers; no later call carries it, to whichever path."""
    line = f"Set-Cookie: session={stage.labelled(case).replace(' ', '')}-{stage.marker}; Path=/; Expires=never {said(stage)}"
    card = reading_card(stage)
    for call in ("create_token", "get_subscription"):
        stage.provider.order(call, hostile_provider.with_header(line))
    before = stage.provider.mark()
    seen = stage.send_all([opening(stage), card, opening(stage), card])
    asked = stage.provider.since(before)
    assert len(asked) >= 4
    assert not any("\r\ncookie:" in one.head.lower() for one in asked), "a cookie was sent back"
    # the session that was opened holds a client secret and a token of ours: only what BlueSnap set must not be in it
    return mapped(stage, seen, DONE, SHOWN)
