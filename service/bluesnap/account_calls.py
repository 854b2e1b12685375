"""The calls about the merchant's own account: its plans, where its notices go, and what time it is there. Must never change a plan that customers are on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from service.bluesnap import account_answers, bodies
from service.bluesnap.calling import ID, IDEMPOTENCY_KEY, Caller, checked
from service.bluesnap.payloads import NotificationConfig, Plan
from service.bluesnap.transport import Ask


class AccountCalls(Caller):
    """Plans of the catalogue, notification settings, BlueSnap's clock."""

    def get_plan(self, plan_id: str) -> Plan:
        """One plan of the catalogue at BlueSnap."""
        with self._observed("get_plan"):
            return account_answers.read_plan(self._get(f"recurring/plans/{checked(plan_id, ID)}"))

    def list_plans(self) -> list[Plan]:
        """All plans of the account, active or not, in BlueSnap's order; the whole list within the time of one call."""
        with self._observed("list_plans"):
            return self._pages("recurring/plans", {}, account_answers.read_plans, lambda one: one.plan_id)

    def create_plan(
        self, *, name: str, amount: Decimal, currency: str, grace_days: int = 60, idempotency_key: str
    ) -> Plan:
        """Make a plan as DESIGN section 3 wants it: monthly, no charge on a switch, no trial, no initial charge.

        BlueSnap never deletes a plan and gives it no name of ours to be found by but `name`: list the plans before a second try.
        """
        with self._observed("create_plan"):
            body = bodies.plan_body(name=name, amount=amount, currency=currency, grace_days=grace_days)
            key = checked(idempotency_key, IDEMPOTENCY_KEY)
            ask = Ask("POST", "recurring/plans", body=body, idempotency_key=key)
            return account_answers.read_created_plan(self._make(ask))

    def get_notification_config(self) -> NotificationConfig:
        """Where BlueSnap sends notices, as far as it tells. NotFound may mean that nothing is set."""
        with self._observed("get_notification_config"):
            return account_answers.read_notification_config(self._get("notification-config"))

    def get_clock(self) -> datetime:
        """BlueSnap's clock in UTC, as its last whole second, from the Date header (RFC 9110 section 6.6.1) of the smallest answer we know."""
        with self._observed("get_clock"):
            return account_answers.read_clock(self._get("recurring/plans", {"pagesize": "1"}))
