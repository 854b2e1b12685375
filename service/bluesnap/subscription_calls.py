"""The calls about subscriptions. Must never send two changes at once, nor a quantity and an amount in one update."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from service.bluesnap import answers, bodies, shopper_answers
from service.bluesnap.calling import ID, IDEMPOTENCY_KEY, Caller, checked, is_last
from service.bluesnap.cards import CardHint
from service.bluesnap.causes import Cause
from service.bluesnap.payloads import STATUSES, Subscription
from service.bluesnap.transport import Ask
from service.errors import Unknown

_SWEEP_PAGE = 500  # items, the most that BlueSnap allows
_SWEEP_BYTES = 8 * 1024 * 1024
_MOST_SWEEP_PAGES = 2_000


class SubscriptionCalls(Caller):
    """Subscriptions: made, read, changed, listed."""

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
            body = bodies.subscription_body(
                plan_id=checked(plan_id, ID),
                shopper_id=checked(shopper_id, ID),
                amount=amount,
                three_d_secure_reference=three_d_secure_reference,
                fraud_session_id=fraud_session_id,
            )
            key = checked(idempotency_key, IDEMPOTENCY_KEY)
            ask = Ask("POST", "recurring/subscriptions", body=body, idempotency_key=key, charging=True)
            return answers.read_subscription(self._make(ask))

    def update_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        amount: Decimal | None = None,
        auto_renew: bool | None = None,
        cancel: bool = False,
        card: CardHint | None = None,
        next_charge_date: date | None = None,
    ) -> Subscription | None:
        """Exactly one change, else ValueError: `plan_id` (at quantity 1), `amount` (the whole price of the next periods), `auto_renew`,
        `cancel` (at once, and final), `card` (one of the vault) or `next_charge_date` (a day of BlueSnap's).

        Answers what BlueSnap's answer shows, None if that is nothing; fields that it leaves out are None, a status left out
        UNRECOGNISED: read the subscription to know. No idempotency key covers it: after Unknown, read before doing it again. A plan
        with `chargeOnPlanSwitch` charges at once and may be Declined. NotFound: 403 too, which may be a missing right.
        """
        with self._observed("update_subscription"):
            change = bodies.Change(
                plan_id=None if plan_id is None else checked(plan_id, ID),
                amount=amount,
                auto_renew=auto_renew,
                cancel=cancel,
                card=card,
                next_charge_date=next_charge_date,
            )
            ask = Ask("PUT", _path(subscription_id), body=change.body(), charging=change.may_charge)
            return answers.read_changed_subscription(self._change(ask), subscription_id)

    def preview_switch(
        self, subscription_id: str, new_plan_id: str, *, amount: Decimal | None = None
    ) -> Decimal | None:
        """What BlueSnap would charge at once for a switch to this plan at quantity 1, and at a price of ours if one is given.

        None where the answer does not show it; 0 where nothing would be charged. Changes nothing (BlueSnap's page on the call).
        """
        with self._observed("preview_switch"):
            query = {"newplanid": checked(new_plan_id, ID), "newquantity": "1"}
            if amount is not None:
                query["overrideamount"] = bodies.amount_text(amount)
            return answers.read_switch_price(self._get(f"{_path(subscription_id)}/switch-charge-amount", query))

    def get_subscription(self, subscription_id: str) -> Subscription:
        """One subscription. Raises Unknown for an answer about another one."""
        with self._observed("get_subscription"):
            return answers.read_this_subscription(self._get(_path(subscription_id)), subscription_id)

    def get_subscription_card(self, subscription_id: str) -> CardHint | None:
        """The card that a subscription is charged to, to be shown or matched and not kept; None where BlueSnap shows none."""
        with self._observed("get_subscription_card"):
            return shopper_answers.read_charged_card(self._get(_path(subscription_id)), subscription_id)

    def list_subscriptions(self, shopper_id: str, plan_id: str | None = None) -> list[Subscription]:
        """All subscriptions of a shopper, of any status, in BlueSnap's order; the whole list within the time of one call."""
        query = {"fulldescription": "true", "shopperid": checked(shopper_id, ID)}
        if plan_id is not None:
            query["planid"] = checked(plan_id, ID)
        with self._observed("list_subscriptions"):
            return self._pages(
                "recurring/subscriptions", query, answers.read_subscriptions, lambda one: one.subscription_id
            )

    def iterate_subscriptions(self, status: str | None = None, after: str | None = None) -> Iterator[Subscription]:
        """Every subscription of the account, in BlueSnap's order, or those of one status; `after` goes on behind a subscription id.

        Each page is a call of its own, with its own deadline, made when it is needed; at most a million subscriptions. Raises
        Unknown for a list that turns in a circle or goes on beyond that, ValueError at once for a status that is none of STATUSES.
        """
        if status is not None and status not in STATUSES:
            raise ValueError("a list of subscriptions is for a status that BlueSnap knows")
        query = {"fulldescription": "true"} | ({} if status is None else {"status": status})
        query["pagesize"] = str(_SWEEP_PAGE)
        return self._each_page(query if after is None else {**query, "after": checked(after, ID)})

    def _each_page(self, query: dict[str, str]) -> Iterator[Subscription]:
        seen = {query.get("after")}
        for _ in range(_MOST_SWEEP_PAGES):
            with self._observed("iterate_subscriptions"):
                ask = Ask("GET", "recurring/subscriptions", query, largest=_SWEEP_BYTES)
                items, last = answers.read_subscriptions(self._read(ask))
            yield from items
            if is_last(items, _SWEEP_PAGE, last=last):
                return
            after = items[-1].subscription_id if items else None
            if after is None or after in seen:
                break
            seen.add(after)
            query = {**query, "after": after}
        raise Unknown(Cause.ENDLESS_LIST)


def _path(subscription_id: str) -> str:
    return f"recurring/subscriptions/{checked(subscription_id, ID)}"
