"""Support's door: nothing without a live grant, an entry before anything is read, payer and card live and nowhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.audit import checkpointing
from service.errors import NeverSent, NotFound, Unknown
from service.store.models import ENTRIES
from tests.support.fake_vault import PAYER
from tests.support.granting import Granting
from tests.support.people import leave
from tests.support.proving import entry_of_before, mark_copied, prove
from tests.support.web import problem, told

NOBODY = {"first_name": PAYER.first_name, "last_name": PAYER.last_name, "email": PAYER.email}


@pytest.fixture
def granting(web, their_issuer):
    return Granting(web.tools, their_issuer)


@pytest.fixture
def anna(granting):
    return granting.anna


@pytest.fixture
def bought(web):
    return web.complete(web.open()).json


@pytest.fixture
def grant_id(granting, bought):
    return granting.live()


def look(web, who, account="acct-a"):
    return web.call("GET", f"/v1/support/accounts/{account}", auth=who.identity)


def looks(web):
    statement = select(ENTRIES).where(ENTRIES.c.act == "grant.looked").order_by(ENTRIES.c.number)
    with web.tools.engine.connect() as connection:
        return connection.execute(statement).all()


def asked_of_bluesnap(web):
    return [call.name for call in web.bluesnap.calls if call.name in {"get_payer", "get_subscription_card"}]


def test_look_shows_the_record_and_payer_and_card_live(web, anna, bought, grant_id):
    answer = look(web, anna)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    seen = answer.json
    assert (seen["grant"], seen["account"], seen["access"]["plan"]) == (grant_id, "acct-a", "team")
    assert seen["subscription"] == web.account().json["subscription"]
    [charge] = web.call("GET", "/v1/accounts/acct-a/charges", auth=web.key).json["charges"]
    assert seen["charges"] == [{name: charge[name] for name in seen["charges"][0]}]
    assert (seen["bluesnap_answered"], seen["payer"], seen["card"]) == (
        "yes",
        NOBODY,
        {"brand": "VISA", "last_four": "1111"},
    )


def test_entry_is_committed_before_bluesnap_is_asked(web, anna, grant_id):
    written = []
    web.bluesnap.script("get_payer", meanwhile=lambda: written.extend(looks(web)))
    answer = look(web, anna)
    [entry] = written
    assert (entry.subject, entry.account, entry.request) == (grant_id, "acct-a", answer.headers["X-Request-Id"])
    assert entry.actor == f"person:{anna.id}"


def test_no_look_without_a_grant_and_nothing_is_asked_or_written(web, anna, bought):
    problem(look(web, anna), 403, "grant_missing")
    assert looks(web) == []
    assert asked_of_bluesnap(web) == []


def test_grant_opens_one_account_to_one_person(web, granting, anna, grant_id):
    web.complete(web.open(account="acct-b"))
    problem(look(web, anna, "acct-b"), 403, "grant_missing")
    problem(look(web, granting.bert), 403, "grant_missing")
    problem(look(web, anna, "a.b"), 422, "account_malformed")
    assert looks(web) == []


def test_look_is_refused_after_the_end_and_after_an_early_end(web, granting, anna, grant_id):
    granting.let_end(grant_id)
    problem(look(web, anna), 403, "grant_missing")
    other = granting.live()
    assert look(web, anna).status_code == 200
    granting.end(other)
    problem(look(web, anna), 403, "grant_missing")


def test_grant_that_ends_while_bluesnap_is_asked_shows_nothing(web, granting, anna, grant_id):
    web.bluesnap.script("get_subscription_card", meanwhile=lambda: granting.let_end(grant_id))
    answer = look(web, anna)
    problem(answer, 403, "grant_missing")
    assert PAYER.last_name not in told(answer)
    assert len(looks(web)) == 1


def test_look_is_refused_while_no_checkpoint_comes_to_the_archive_and_open_again_behind_one(
    web, anna, grant_id, module_database, tmp_path, logged, monkeypatch
):
    monkeypatch.setattr(checkpointing, "SECONDS", 0)
    assert look(web, anna).status_code == 200
    assert prove(web.tools.engine, module_database, tmp_path) == 1
    entry_of_before(web.tools.engine, minutes=61)
    seen = len(looks(web))
    answer = look(web, anna)
    problem(answer, 503, "journal_unproven")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(looks(web)) == seen
    assert '"event": "support.unproven"' in logged()
    assert prove(web.tools.engine, module_database, tmp_path) == 1
    assert look(web, anna).status_code == 200


def test_look_that_is_under_way_when_the_hour_is_over_shows_nothing(web, anna, grant_id):
    mark_copied(web.tools.engine, ahead=1)
    web.bluesnap.script("get_payer", meanwhile=lambda: entry_of_before(web.tools.engine, minutes=61))
    answer = look(web, anna)
    problem(answer, 503, "journal_unproven")
    assert PAYER.last_name not in told(answer)


def test_person_who_has_left_is_refused_at_the_door(web, granting, anna, grant_id):
    leave(web.tools.engine, anna)
    problem(look(web, anna), 403, "person_left")
    assert looks(web) == []


@pytest.mark.parametrize("error", [Unknown("read_timed_out"), NeverSent("connection_refused")])
def test_record_alone_is_shown_with_a_mark_where_bluesnap_does_not_answer(web, anna, grant_id, error):
    web.bluesnap.script("get_payer", error)
    seen = look(web, anna).json
    assert (seen["bluesnap_answered"], seen["payer"], seen["card"]) == ("no", None, None)
    assert seen["subscription"]["plan"] == "team"
    web.bluesnap.script("get_subscription_card", error)
    seen = look(web, anna).json
    assert (seen["bluesnap_answered"], seen["payer"], seen["card"]) == ("no", NOBODY, None)


def test_payer_who_is_gone_at_bluesnap_is_shown_as_nobody(web, anna, grant_id):
    web.bluesnap.script("get_payer", NotFound("not_found", status=403))
    seen = look(web, anna).json
    assert (seen["bluesnap_answered"], seen["payer"], seen["card"]["brand"]) == ("yes", None, "VISA")


def test_account_never_seen_shows_that_there_is_nothing(web, granting, anna):
    granting.live("acct-new")
    seen = look(web, anna, "acct-new").json
    assert (seen["subscription"], seen["charges"], seen["bluesnap_answered"], seen["payer"]) == (
        None,
        [],
        "nothing_there",
        None,
    )
    assert seen["access"]["plan"] == "community"


def test_nothing_of_payer_or_card_is_kept_or_logged(web, anna, grant_id, logged):
    assert look(web, anna).status_code == 200
    with web.tools.engine.connect() as connection:
        kept = str(connection.execute(select(ENTRIES.c.image)).all())
    for secret in (PAYER.first_name, PAYER.last_name, PAYER.email, "1111"):
        assert secret not in kept
        assert secret not in logged()
    [line] = [line for line in logged().splitlines() if '"grant.looked"' in line]
    assert grant_id in line


def test_every_look_is_one_entry_and_one_line_of_the_log(web, granting, anna, grant_id, logged):
    for _ in range(3):
        assert look(web, anna).status_code == 200
    assert len({entry.request for entry in looks(web)}) == len(looks(web)) == logged().count('"grant.looked"') == 3
    granting.move(grant_id, requested_at=func.clock_timestamp() - timedelta(days=2))
    assert look(web, anna).status_code == 200
