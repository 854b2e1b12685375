"""The calls that we make to BlueSnap, one method each. Must never repeat a call that may have happened, nor decide what an outcome means for us."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from time import monotonic
from typing import TypeVar

from service.bluesnap import answers, payloads
from service.bluesnap.causes import Cause
from service.bluesnap.outcomes import as_error
from service.bluesnap.payloads import Charge, Payer, Plan, Shopper, Subscription
from service.bluesnap.transport import Answer, Ask, Timeouts, Transport
from service.errors import BlueSnapError, Unknown

__all__ = ["BlueSnapClient", "Observe", "Timeouts"]

_ID = re.compile(r"[1-9][0-9]{0,11}")  # what our database takes: no card number has fewer than 13 digits
_MERCHANT_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
_PAGE = 100  # items; 500 is allowed, but a hundred full descriptions stay well below the megabyte that we read
_MOST_PAGES = 20


# Told of every finished call: the method's name, how it ended ("ok", or the error class in snake case), and the seconds it took.
Observe = Callable[[str, str, float], object]
_Item = TypeVar("_Item", Subscription, Charge)


class BlueSnapClient:
    """BlueSnap's JSON Payment API, as far as we use it. Safe to share between threads; make one per process, after a fork.

    Every method raises a BlueSnapError (service/errors.py) and nothing else of what happens outside; ValueError for an argument that
    must not reach a URL or a body.
    """

    def __init__(
        self,
        *,
        base_url: str,
        user: str,
        password: str,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        observe: Observe | None = None,
        pool_size: int = 32,
    ) -> None:
        self._transport = Transport(base_url, user, password, timeouts=timeouts, pool_size=pool_size)
        self._observe = observe

    def create_payment_fields_token(self) -> str:
        """A fresh, empty payment-fields token. BlueSnap drops it after 60 minutes (bluesnap/hosted-fields.md section 2)."""
        with self._observed("create_payment_fields_token"):
            return answers.read_fields_token(self._post(Ask("POST", "payment-fields-tokens")))

    def create_shopper(
        self,
        *,
        payment_fields_token: str,
        merchant_shopper_id: str,
        payer: Payer,
        three_d_secure_reference: str | None,
        fraud_session_id: str | None,
        idempotency_key: str,
    ) -> Shopper:
        """Vault the card behind the token under a new shopper. Moves no money; a bad card is Declined here already."""
        with self._observed("create_shopper"):
            body = payloads.shopper_body(
                payment_fields_token=payment_fields_token,
                merchant_shopper_id=_checked(merchant_shopper_id, _MERCHANT_ID),
                payer=payer,
                three_d_secure_reference=three_d_secure_reference,
                fraud_session_id=fraud_session_id,
            )
            key = _checked(idempotency_key, _IDEMPOTENCY_KEY)
            return answers.read_shopper(self._post(Ask("POST", "vaulted-shoppers", body=body, idempotency_key=key)))

    def get_shopper(self, shopper_id: str) -> Shopper:
        """One shopper by BlueSnap's id."""
        with self._observed("get_shopper"):
            return answers.read_shopper(self._get(f"vaulted-shoppers/{_checked(shopper_id, _ID)}"))

    def find_shopper(self, merchant_shopper_id: str) -> Shopper:
        """One shopper by the id that we gave it. NotFound is no proof that there is none."""
        with self._observed("find_shopper"):
            return answers.read_shopper(
                self._get(f"vaulted-shoppers/merchant/{_checked(merchant_shopper_id, _MERCHANT_ID)}")
            )

    def get_plan(self, plan_id: str) -> Plan:
        """One plan of the catalogue at BlueSnap."""
        with self._observed("get_plan"):
            return answers.read_plan(self._get(f"recurring/plans/{_checked(plan_id, _ID)}"))

    def create_subscription(
        self,
        *,
        plan_id: str,
        shopper_id: str,
        amount: Decimal,
        three_d_secure_reference: str | None = None,
        fraud_session_id: str | None = None,
        idempotency_key: str,
    ) -> Subscription:
        """Subscribe a vaulted shopper, which charges at once. `amount` is the whole price of one period in major units."""
        with self._observed("create_subscription"):
            body = payloads.subscription_body(
                plan_id=_checked(plan_id, _ID),
                shopper_id=_checked(shopper_id, _ID),
                amount=amount,
                three_d_secure_reference=three_d_secure_reference,
                fraud_session_id=fraud_session_id,
            )
            key = _checked(idempotency_key, _IDEMPOTENCY_KEY)
            ask = Ask("POST", "recurring/subscriptions", body=body, idempotency_key=key, charging=True)
            return answers.read_subscription(self._post(ask))

    def get_subscription(self, subscription_id: str) -> Subscription:
        """One subscription."""
        with self._observed("get_subscription"):
            return answers.read_subscription(self._get(f"recurring/subscriptions/{_checked(subscription_id, _ID)}"))

    def list_subscriptions(self, shopper_id: str, plan_id: str | None = None) -> list[Subscription]:
        """All subscriptions of a shopper, of any status, in BlueSnap's order; the whole list within the time of one call."""
        query = {"fulldescription": "true", "shopperid": _checked(shopper_id, _ID)}
        if plan_id is not None:
            query["planid"] = _checked(plan_id, _ID)
        with self._observed("list_subscriptions"):
            return self._pages(
                "recurring/subscriptions", query, answers.read_subscriptions, lambda one: one.subscription_id
            )

    def list_charges(self, subscription_id: str) -> list[Charge]:
        """All charges of a subscription that succeeded, in BlueSnap's order; failed renewals do not show (bluesnap/api.md section 10)."""
        path = f"recurring/subscriptions/{_checked(subscription_id, _ID)}/charges"
        with self._observed("list_charges"):
            return self._pages(path, {"fulldescription": "true"}, answers.read_charges, lambda one: one.charge_id)

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def _post(self, ask: Ask) -> Answer:
        return _successful(self._transport.exchange(ask), reading=False)

    def _get(self, path: str) -> Answer:
        return _successful(self._transport.exchange(Ask("GET", path)), reading=True)

    def _pages(
        self,
        path: str,
        query: dict[str, str],
        read: Callable[[Answer], tuple[list[_Item], bool | None]],
        id_of: Callable[[_Item], str | None],
    ) -> list[_Item]:
        """Every page, within the deadline of one call. Raises Unknown for a list that turns in a circle or does not end."""
        until = self._transport.deadline()
        found: list[_Item] = []
        query = {**query, "pagesize": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            answer = _successful(self._transport.exchange(Ask("GET", path, query), until), reading=True)
            items, last = read(answer)
            found += items
            if last or (last is None and len(items) < _PAGE):
                return found
            after = id_of(items[-1]) if items else None
            if after is None or after == query.get("after"):
                break
            query = {**query, "after": after}
        raise Unknown(Cause.ENDLESS_LIST)

    @contextmanager
    def _observed(self, call: str) -> Iterator[None]:
        """Reports how the block ended. A broken observer must not lose an answer that is about money."""
        started = monotonic()
        outcome = "interrupted"
        try:
            yield
            outcome = "ok"
        except BlueSnapError as error:
            outcome = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
            raise
        finally:
            if self._observe is not None:
                with suppress(Exception):
                    self._observe(call, outcome, monotonic() - started)


def _successful(answer: Answer, *, reading: bool) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    raise as_error(answer.status, answer.body, reading=reading, html=answer.html)


def _checked(value: str, form: re.Pattern[str]) -> str:
    """An argument that is about to enter a URL, a header or a number. Raises ValueError, without the value."""
    if not form.fullmatch(value):
        raise ValueError("an id or key towards BlueSnap does not have its form")
    return value
