"""What is made says by which secret key, so that an old one is kept as long as somebody needs it, and no longer."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from service.store import secret_keys
from tests.support.notices import charge_form, signed_headers
from tests.support.tools import SECRET_KEY
from tests.support.web import Web, new_key

NEW = "new:" + SECRET_KEY.partition(":")[2][::-1].lstrip("=") + "="
GRACE = timedelta(minutes=10)
STEPS = (SECRET_KEY, f"{SECRET_KEY},{NEW}", f"{NEW},{SECRET_KEY}")


@pytest.fixture
def web_with(make_tools, bluesnap):
    """The service with these secret keys; the platform that calls it has one API key throughout."""
    api_keys = []

    def make(keys):
        web = Web(make_tools(secret_keys=keys), bluesnap)
        api_keys.append(web.key)
        web.key = api_keys[0]
        return web

    return make


def needed(web, **later):
    with web.tools.engine.connect() as connection:
        return secret_keys.needed(connection, web.tools.clock() + timedelta(**later), GRACE)


def one_of_each(web, number):
    body = charge_form(referenceNumber=str(number))
    assert web.notify(body, signed_headers(body)).status_code == 200
    return web.open(account=f"acct-{number}")


def test_everything_says_by_which_key_it_was_made(web_with):
    for number, keys in enumerate(STEPS):
        one_of_each(web_with(keys), number)
    found = needed(web_with(STEPS[-1]))
    assert set(found) == {"client_secrets", "payment_fields_tokens", "idempotency_keys", "notices"}
    assert all(by == {"one": 2, "new": 1} for by in found.values())


def test_old_key_is_needed_for_as_long_as_what_it_made_lives(web_with):
    web = web_with(SECRET_KEY)
    one_of_each(web, 1)
    assert needed(web, hours=23)["client_secrets"] == {"one": 1}
    assert needed(web, hours=25)["client_secrets"] == needed(web, hours=25)["payment_fields_tokens"] == {}
    assert needed(web, hours=47)["notices"] == {"one": 1}
    assert needed(web, hours=49)["notices"] == {}


def test_completed_session_needs_its_key_for_its_grace(web_with):
    web = web_with(SECRET_KEY)
    assert web.complete(one_of_each(web, 1)).status_code == 201
    assert needed(web, minutes=9)["client_secrets"] == {"one": 1}
    assert needed(web, minutes=11)["client_secrets"] == {}
    assert needed(web)["payment_fields_tokens"] == {}


@pytest.mark.by_hand
def test_row_from_before_key_ids_may_need_any(web_with):
    web = web_with(SECRET_KEY)
    one_of_each(web, 1)
    with web.tools.engine.begin() as connection:
        for table in ("checkout_sessions", "idempotency_keys", "notices"):
            connection.exec_driver_sql(f"UPDATE {table} SET key_id = NULL")
    assert needed(web)["idempotency_keys"] == needed(web)["notices"] == {None: 1}


def test_replayed_answer_is_the_same_at_every_step_of_a_rotation(web_with):
    key = new_key()
    first = web_with(STEPS[0]).order(account="acct-a", key=key)
    assert first.status_code == 201
    for keys in STEPS[1:]:
        again = web_with(keys).order(account="acct-a", key=key)
        assert (again.status_code, again.json) == (201, first.json)


def test_what_any_process_makes_every_other_takes_between_two_steps(web_with):
    """During a step some processes have the settings before it, and some those after it."""
    for number, (before, after) in enumerate(itertools.pairwise(STEPS)):
        for side, (maker, taker) in enumerate(((before, after), (after, before))):
            session = one_of_each(web_with(maker), 10 * number + side)
            assert web_with(taker).read(session).json["hosted_fields"] == session["hosted_fields"]
            assert web_with(taker).complete(session).status_code == 201


def test_repeated_notice_is_known_at_every_step_of_a_rotation(web_with):
    body = charge_form(referenceNumber="7")
    for keys in STEPS:
        assert web_with(keys).notify(body, signed_headers(body)).status_code == 200
    assert needed(web_with(SECRET_KEY))["notices"] == {"one": 1}


def test_address_is_counted_over_a_change_of_keys(make_tools, bluesnap):
    def web(keys):
        return Web(make_tools(secret_keys=keys, sessions_per_address="2"), bluesnap)

    statuses = [
        web(keys).order(account=f"acct-{keys[:3]}{turn}", client_address="192.0.2.7").status_code
        for turn, keys in enumerate((SECRET_KEY, STEPS[2], SECRET_KEY, STEPS[2]))
    ]
    assert statuses[:2] == [201, 201]
    assert statuses[3] == 429
