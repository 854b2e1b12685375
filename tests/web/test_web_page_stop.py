"""A payment page that must not sell any more, because somebody has changed its script: how it is stopped, and that nothing of ours leads a payer elsewhere."""

from __future__ import annotations

from service.app import DOORS
from service.store import database, keys
from service.store.journal import Origin
from tests.support.tools import SECRET_KEY
from tests.support.web import Web, problem


def test_page_that_must_not_sell_gets_no_payment_fields_once_its_key_is_revoked(web):
    assert web.order().status_code == 201
    with web.tools.engine.begin() as connection:
        (key,) = [one for one in keys.listed(connection) if "checkout:write" in keys.scopes_of(connection, one.id)]
        assert keys.revoke(connection, key.id, now=database.now(connection), origin=Origin("operator"))
    asked = len(web.bluesnap.calls)
    problem(web.order(), 401, "key_revoked")
    assert len(web.bluesnap.calls) == asked


def test_no_operation_leads_a_payer_to_another_address():
    operations = [operation for door in DOORS for operation in door.operations]
    statuses = {status for operation in operations for status in operation.answers}
    assert len(operations) > 20
    assert not {status for status in statuses if 300 <= status < 400}


def test_open_sessions_end_when_their_key_is_taken_out(make_tools, bluesnap):
    web = Web(make_tools(), bluesnap)
    session = web.open()
    assert web.renew(session).status_code == 201
    other = "new:" + SECRET_KEY.partition(":")[2][::-1].lstrip("=") + "="
    later = Web(make_tools(secret_keys=other), bluesnap)
    problem(later.renew(session), 401, "client_secret_wrong")
    problem(later.complete(session), 401, "client_secret_wrong")
