"""Replacing a card: vaulted, told apart from the others, switched to, confirmed by a read; whatever is lost on the way is typed again and never sent twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.billing.buying import cards, settle
from service.bluesnap.cards import CardHint
from service.errors import (
    Advice,
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    NotFound,
    Rejected,
    RetryLater,
)
from service.store.models import ENTRIES, SESSIONS, SIGNUPS, SUBSCRIPTIONS
from tests.support.databases import by_stealth
from tests.support.desk import PLATFORM, Desk
from tests.support.outcomes import LOST, SOFT, STOLEN, TROUBLES, refused

VISA, AMEX = CardHint("VISA", "1111"), CardHint("AMEX", "0126")
ASKED = Declined("authentication_required", DeclineReason.AUTHENTICATION_REQUIRED, hard=False)
WRITES = ("add_card", "update_subscription", "delete_card")


@pytest.fixture
def session_id(desk, bought, bluesnap):
    """A session that replaces the card of a bought plan; the page types another card into it."""
    bluesnap.type_card(AMEX.brand, AMEX.last_four)
    return desk.open_for_card()


def charged(bluesnap):
    return bluesnap.charged_card[bluesnap.subscriptions[0].subscription_id]


def vault(bluesnap):
    return bluesnap.cards_of(bluesnap.subscriptions[0].shopper_id)


def made(bluesnap):
    return [call.name for call in bluesnap.calls if call.name in WRITES]


def test_new_card_is_charged_from_now_on_and_the_old_one_is_gone(desk, bluesnap, session_id):
    before = desk.subscriptions[0].version
    after = desk.replace_card(session_id, three_d_secure="7123456", fraud_session="f1f2")
    assert (after.status, after.version) == ("active", before)
    assert (charged(bluesnap), vault(bluesnap)) == (AMEX, [AMEX])
    (sent,) = bluesnap.made("add_card")
    assert (sent["three_d_secure_reference"], sent["fraud_session_id"]) == ("7123456", "f1f2")
    assert (desk.status(session_id), desk.states) == ("complete", ["active", "replaced"])
    assert desk.view(session_id).session.subscription_id == after.id


def test_story_of_a_replacement_stands_in_the_journal(desk, session_id):
    told = len(desk.acts)
    desk.replace_card(session_id)
    assert desk.acts[told:] == ["card.requested", "session.confirming", "card.replaced", "session.completed"]


def test_nothing_of_a_card_is_stored_or_logged(desk, bluesnap, session_id, logged):
    desk.replace_card(session_id)
    cards.show(desk.tools, PLATFORM, "acct-a")
    left = (
        "\n".join(str(row) for table in (ENTRIES, SESSIONS, SIGNUPS, SUBSCRIPTIONS) for row in desk.rows(table))
        + logged()
    )
    for text in ("0126", "1111", "AMEX", "VISA"):
        assert text not in left


def test_failed_renewal_is_looked_at_after_the_replacement(desk, session_id):
    assert desk.subscriptions[0].look_at is None
    desk.replace_card(session_id)
    assert desk.subscriptions[0].look_at is not None


def test_same_card_typed_again_needs_no_switch(desk, bluesnap, session_id):
    bluesnap.type_card(VISA.brand, VISA.last_four)
    assert desk.replace_card(session_id).status == "active"
    assert made(bluesnap) == ["add_card"]
    assert (charged(bluesnap), vault(bluesnap)) == (VISA, [VISA])


def test_answer_that_shows_too_little_is_followed_by_a_read(desk, bluesnap, session_id):
    bluesnap.shows_cards = False
    desk.replace_card(session_id)
    assert (charged(bluesnap), desk.status(session_id)) == (AMEX, "complete")


def test_card_that_looks_like_the_one_before_is_never_switched_to(desk, bluesnap, session_id):
    bluesnap.type_card(VISA.brand, VISA.last_four, number="another")
    assert refused(desk.replace_card, session_id).code is Code.CARDS_ALIKE
    assert made(bluesnap) == ["add_card"]
    assert charged(bluesnap) == VISA
    assert (desk.status(session_id), desk.states) == ("open", ["active", "declined"])
    assert desk.view(session_id).fields_token is None
    desk.renew(session_id)
    bluesnap.type_card(AMEX.brand, AMEX.last_four)
    desk.replace_card(session_id)
    assert charged(bluesnap) == AMEX


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        ([VISA], [VISA, AMEX], AMEX),
        ([VISA], [AMEX, VISA], AMEX),
        ([], [AMEX], AMEX),
        ([VISA], [VISA], VISA),
        ([VISA, AMEX], [VISA, AMEX], None),
        ([VISA], [VISA, VISA], None),
        ([VISA, VISA], [VISA, VISA, AMEX], AMEX),
        ([VISA], [VISA, AMEX, AMEX], None),
        ([VISA, AMEX], [VISA], None),
        ([VISA], [VISA, CardHint("UNRECOGNISED", "")], None),
        ([VISA], [], None),
    ],
)
def test_typed_card_is_told_by_what_came_into_the_vault(before, after, new):
    assert cards.typed(before, after) == new


@pytest.mark.parametrize("call", ["get_subscription_card", "get_cards"])
@pytest.mark.parametrize("trouble", [*TROUBLES, NotFound("not_found")], ids=lambda error: error.cause)
def test_trouble_before_the_card_was_sent_leaves_the_session_as_it_was(desk, bluesnap, session_id, call, trouble):
    token = desk.view(session_id).fields_token
    bluesnap.script(call, trouble)
    refused(desk.replace_card, session_id)
    assert (desk.status(session_id), desk.states) == ("open", ["active", "released"])
    assert desk.view(session_id).fields_token == token
    assert made(bluesnap) == []
    assert desk.replace_card(session_id).status == "active"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SOFT, Code.CARD_DECLINED),
        (FieldsRefused("fields_expired", Code.PAYMENT_FIELDS_TOKEN_EXPIRED), Code.PAYMENT_FIELDS_TOKEN_EXPIRED),
        (NeverSent("connection_refused"), Code.BLUESNAP_UNREACHABLE),
        (RetryLater("throttled"), Code.BLUESNAP_BUSY),
        (Rejected("invalid_request"), Code.DETAILS_REFUSED),
        (Misconfigured("credentials_refused"), Code.BLUESNAP_MISCONFIGURED),
    ],
)
@pytest.mark.parametrize("call", ["add_card", "update_subscription"])
def test_definite_refusal_leaves_the_old_card_charged(desk, bluesnap, session_id, error, code, call):
    bluesnap.script(call, error)
    assert refused(desk.replace_card, session_id).code is code
    assert (charged(bluesnap), vault(bluesnap)) == (VISA, [VISA])
    assert desk.status(session_id) == "open"
    assert desk.subscriptions[0].status == "active"
    desk.renew(session_id)
    desk.replace_card(session_id)
    assert charged(bluesnap) == AMEX


def test_decline_tells_the_page_little_and_the_platform_the_reason(desk, bluesnap, session_id):
    bluesnap.script("add_card", SOFT)
    assert refused(desk.replace_card, session_id).reason is Advice.DECLINED
    assert desk.view(session_id).session.decline_reason == "insufficient_funds"
    assert desk.states == ["active", "declined"]


def test_hard_decline_ends_the_session_and_nothing_else(desk, bluesnap, session_id):
    bluesnap.script("add_card", STOLEN)
    refused(desk.replace_card, session_id)
    assert desk.status(session_id) == "failed"
    assert desk.access().reason == "paid"


@pytest.mark.parametrize("happens", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("call", ["add_card", "update_subscription"])
def test_lost_answer_is_confirming_until_the_worker_lets_the_card_be_typed_again(
    desk, bluesnap, session_id, call, happens
):
    bluesnap.script(call, LOST, happens=happens)
    if call == "update_subscription":
        bluesnap.script("get_subscription_card")  # the first reading is fine
        bluesnap.script("get_subscription_card", LOST)
    assert desk.replace_card(session_id) is None
    assert (desk.status(session_id), desk.states) == ("confirming", ["active", "card_requested"])
    assert desk.replace_card(session_id) is None
    assert settle.settle_due(desk.tools) == 0, "the quiet period is not over"
    assert refused(desk.open, plan="business").code is Code.SUBSCRIPTION_EXISTS
    assert desk.settle() == 1
    assert (desk.status(session_id), desk.states) == ("open", ["active", "released"])
    assert desk.view(session_id).fields_token is None
    assert len(bluesnap.made(call)) == 1
    desk.renew(session_id)
    desk.replace_card(session_id)
    assert (charged(bluesnap), vault(bluesnap)) == (AMEX, [AMEX])


def test_switch_whose_answer_was_lost_is_believed_when_a_read_shows_it(desk, bluesnap, session_id):
    bluesnap.script("update_subscription", LOST, happens=True)
    assert desk.replace_card(session_id).status == "active"
    assert (charged(bluesnap), desk.states) == (AMEX, ["active", "replaced"])


def test_switch_that_a_read_does_not_show_is_unknown(desk, bluesnap, session_id):
    bluesnap.script("update_subscription", afterwards=lambda: bluesnap.charged_card.update({bought_id(bluesnap): VISA}))
    assert desk.replace_card(session_id) is None
    assert desk.signups[1].cause == "not_confirmed"


def bought_id(bluesnap):
    return bluesnap.subscriptions[0].subscription_id


def test_card_left_over_by_a_lost_attempt_is_cleared_away_before_the_next(desk, bluesnap, session_id):
    bluesnap.script("add_card", LOST, happens=True)
    desk.replace_card(session_id)
    desk.settle()
    assert vault(bluesnap) == [VISA, AMEX]
    desk.renew(session_id)
    bluesnap.type_card("JCB", "0410")
    desk.replace_card(session_id)
    assert vault(bluesnap) == [CardHint("JCB", "0410")]


def test_other_cards_of_a_vault_that_we_did_not_fill_are_left_alone(desk, bluesnap, session_id):
    shopper = bluesnap.subscriptions[0].shopper_id
    with by_stealth(desk.tools.engine) as connection:
        connection.exec_driver_sql("UPDATE signups SET provider_shopper = NULL")
    theirs = bluesnap.type_card("JCB", "0410")
    bluesnap.store_typed(shopper)
    bluesnap.type_card(AMEX.brand, AMEX.last_four)
    desk.replace_card(session_id)
    assert (charged(bluesnap), vault(bluesnap)) == (AMEX, [theirs, AMEX])


@pytest.mark.parametrize("trouble", [LOST, Rejected("invalid_request"), NeverSent("connection_refused")])
def test_old_card_that_cannot_be_deleted_does_not_matter(desk, bluesnap, session_id, trouble):
    bluesnap.script("delete_card", trouble)
    assert desk.replace_card(session_id).status == "active"
    assert (charged(bluesnap), vault(bluesnap)) == (AMEX, [VISA, AMEX])


def test_process_that_dies_during_the_call_loses_the_attempt_to_the_worker(desk, bluesnap, session_id):
    bluesnap.script("add_card", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        desk.replace_card(session_id)
    assert desk.status(session_id) == "confirming"
    desk.settle()
    assert (desk.status(session_id), desk.signups[1].cause) == ("open", "process_died")


def test_request_that_lost_its_lease_switches_nothing_any_more(desk, bluesnap, session_id):
    bluesnap.script("add_card", afterwards=desk.settle)
    refused(desk.replace_card, session_id)
    assert charged(bluesnap) == VISA
    assert bluesnap.made("update_subscription") == []
    assert (desk.status(session_id), desk.states) == ("open", ["active", "released"])


def test_of_two_sessions_at_once_one_replaces_the_card(desk, bluesnap, session_id):
    second = desk.open_for_card()
    bluesnap.script("add_card", meanwhile=lambda: told.append(refused(desk.replace_card, second).code))
    told = []
    assert desk.replace_card(session_id).status == "active"
    assert told == [Code.SIGNUP_UNDECIDED]


def test_threads_replacing_by_one_session_send_one_card(desk, bluesnap, session_id):
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _: desk.replace_card(session_id), range(4)))
    assert len(bluesnap.made("add_card")) == 1
    assert {end.status for end in ends if end is not None} == {"active"}


def test_replacement_that_is_done_is_answered_again_without_a_call(desk, bluesnap, session_id):
    first = desk.replace_card(session_id)
    calls = len(bluesnap.calls)
    assert desk.replace_card(session_id).id == first.id
    assert len(bluesnap.calls) == calls


def test_account_without_a_live_plan_has_no_card_to_replace(desk, bluesnap):
    assert refused(desk.open_for_card).code is Code.SUBSCRIPTION_NOT_FOUND
    assert bluesnap.calls == []


def test_plan_that_ended_meanwhile_has_no_card_to_replace(desk, bluesnap, session_id):
    with by_stealth(desk.tools.engine) as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET status = 'ended'")
    assert refused(desk.replace_card, session_id).code is Code.SUBSCRIPTION_NOT_FOUND
    assert made(bluesnap) == []


def test_replacements_count_as_card_attempts_of_the_account(desk, bluesnap, session_id):
    for turn in range(4):
        bluesnap.type_card("JCB", f"041{turn}")
        desk.replace_card(session_id if turn == 0 else desk.open_for_card())
    told = refused(desk.replace_card, desk.open_for_card())
    assert told.code is Code.TOO_MANY_ATTEMPTS


def test_declined_cards_of_a_session_are_limited(desk, bluesnap, session_id):
    bluesnap.script("add_card", SOFT, times=3)
    for _ in range(2):
        refused(desk.replace_card, session_id)
        desk.renew(session_id)
    refused(desk.replace_card, session_id)
    assert desk.status(session_id) == "failed"
    assert refused(desk.replace_card, session_id).code is Code.TOO_MANY_ATTEMPTS


def test_bank_that_asks_for_a_challenge_makes_the_session_demand_it(desk, bluesnap, session_id):
    bluesnap.script("add_card", ASKED)
    assert refused(desk.replace_card, session_id).reason is Advice.AUTHENTICATION_REQUIRED
    desk.renew(session_id)
    calls = len(bluesnap.calls)
    assert refused(desk.replace_card, session_id).code is Code.THREE_D_SECURE_REQUIRED
    assert len(bluesnap.calls) == calls
    assert desk.replace_card(session_id, three_d_secure="7123456").status == "active"


def test_card_is_shown_live_and_every_reading_leaves_an_entry(desk, bluesnap, bought):
    for _ in range(2):
        assert cards.show(desk.tools, PLATFORM, "acct-a") == VISA
    assert desk.acts[-2:] == ["card.shown", "card.shown"]


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (None, Code.CARD_NOT_FOUND),
        (CardHint("UNRECOGNISED", ""), Code.CARD_NOT_FOUND),
        (NotFound("not_found"), Code.CARD_NOT_FOUND),
        (LOST, Code.BLUESNAP_FAILED),
        (NeverSent("connection_refused"), Code.BLUESNAP_UNREACHABLE),
    ],
)
def test_card_that_cannot_be_shown_leaves_no_entry(desk, bluesnap, bought, shown, code):
    error = shown if isinstance(shown, Exception) else None
    bluesnap.script("get_subscription_card", error, change=lambda _: shown)
    told = desk.acts
    assert refused(cards.show, desk.tools, PLATFORM, "acct-a").code is code
    assert desk.acts == told


def test_account_that_never_bought_has_no_card(desk, bluesnap):
    assert refused(cards.show, desk.tools, PLATFORM, "acct-a").code is Code.CARD_NOT_FOUND
    assert bluesnap.calls == []


def test_session_demands_a_challenge_from_the_start_where_the_setting_says_so(make_tools, bluesnap):
    desk = Desk(make_tools(three_d_secure="always"), bluesnap)
    session_id = desk.open()
    assert refused(desk.complete, session_id).code is Code.THREE_D_SECURE_REQUIRED
    assert bluesnap.made("create_shopper") == []
    assert desk.complete(session_id, three_d_secure="7123456").status == "active"
    assert desk.view(desk.open_for_card()).session.three_d_secure_required
