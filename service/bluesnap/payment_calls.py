"""The calls about payments that were made: reading them and giving money back. Must never leave to BlueSnap whether a refund ends a subscription."""

from __future__ import annotations

from decimal import Decimal

from service.bluesnap import answers, bodies, money_answers
from service.bluesnap.calling import ID, IDEMPOTENCY_KEY, REFERENCE, Caller, checked
from service.bluesnap.payloads import Charge, Refund, Transaction
from service.bluesnap.transport import Ask


class PaymentCalls(Caller):
    """Charges, transactions, refunds."""

    def list_charges(self, subscription_id: str) -> list[Charge]:
        """All charges of a subscription that succeeded, in BlueSnap's order; failed renewals do not show (bluesnap/api.md section 10)."""
        path = f"recurring/subscriptions/{checked(subscription_id, ID)}/charges"
        with self._observed("list_charges"):
            return self._pages(path, {"fulldescription": "true"}, answers.read_charges, lambda one: one.charge_id)

    def get_transaction(self, transaction_id: str) -> Transaction:
        """One payment with its refunds and chargebacks, or one refund by its own id (bluesnap/api.md section 8)."""
        with self._observed("get_transaction"):
            return money_answers.read_transaction(
                self._get(f"transactions/{checked(transaction_id, ID)}"), transaction_id
            )

    def refund(
        self,
        transaction_id: str,
        *,
        amount: Decimal | None,
        reason_word: str,
        cancel_subscriptions: bool,
        refund_reference: str,
        idempotency_key: str,
    ) -> Refund:
        """Give back `amount` in major units of the payment's currency, or all that is left of it for None.

        `refund_reference` is our own id of the refund, by which get_transaction finds it again after Unknown. A refused refund is
        Rejected, with a cause that tells a spent remainder from a wrong amount; PENDING is not done yet.
        """
        with self._observed("refund"):
            body = bodies.refund_body(
                amount,
                reason_word=reason_word,
                cancel_subscriptions=cancel_subscriptions,
                reference=checked(refund_reference, REFERENCE),
            )
            path = f"transactions/refund/{checked(transaction_id, ID)}"
            key = checked(idempotency_key, IDEMPOTENCY_KEY)
            ask = Ask("POST", path, body=body, idempotency_key=key, charging=True)
            return money_answers.read_refund(self._change(ask))
