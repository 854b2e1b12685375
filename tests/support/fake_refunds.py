"""The part of the fake BlueSnap that gives money back, and shows payments with what was given back of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from service.bluesnap.payloads import Refund, RefundSeen, Transaction
from service.errors import NotFound, Rejected


class FakeRefunds:
    """What was given back, by the payment's transaction. `repeats_references`: whether what is shown names our ids.

    `refund_status` is what the next refunds are answered: SUCCESS, PENDING, or None for silence. A refund that is shown with its payment
    shows its status only while it is pending.
    """

    def begin_refunds(self):
        self.given_back = defaultdict(list)
        self.chargebacks = defaultdict(list)
        self.refund_status = "SUCCESS"
        self.repeats_references = True

    def refund(self, transaction_id, **given):
        def give():
            left = self.left_of(transaction_id)
            if not left:
                raise Rejected("already_refunded", status=400)
            if given["amount"] > left:
                raise Rejected("refund_amount", status=400)
            return self.give_back(transaction_id, given["amount"], reference=given["refund_reference"])

        def effect():
            made = self._once(given, give)()
            return Refund(made.refund_id, self.refund_status)

        return self._perform("refund", {"transaction_id": transaction_id, **given}, effect)

    def give_back(self, transaction_id, amount, *, reference=None, day=None):
        """Money goes back: for us with a reference, or behind our back without."""
        status = "PENDING" if self.refund_status == "PENDING" else "SUCCESS"
        made = RefundSeen(self._number(), Decimal(amount), day, reference, status)
        self.given_back[transaction_id].append(made)
        self._show(transaction_id)
        return made

    def end_refund(self, refund_id, status):
        """A pending refund is done (SUCCESS) or called off (CANCELED)."""
        for transaction_id, made in self.given_back.items():
            self.given_back[transaction_id] = [
                replace(one, status=status) if one.refund_id == refund_id else one for one in made
            ]
            self._show(transaction_id)

    def left_of(self, transaction_id):
        """What has not been given back of a payment."""
        given = sum((one.amount for one in self._standing(transaction_id)), Decimal(0))
        return self._charge(transaction_id).amount - given

    def given(self, transaction_id):
        """The amounts given back, in order."""
        return [one.amount for one in self._standing(transaction_id)]

    def get_transaction(self, transaction_id):
        def get():
            for made in self.given_back.values():
                for one in made:
                    if one.refund_id == transaction_id:
                        return Transaction(
                            transaction_id, one.amount, "USD", one.status, "REFUND", [], [], None, None, None
                        )
            paid = self._charge(transaction_id)
            shown = [self._shown(one) for one in self._standing(transaction_id)]
            return Transaction(
                transaction_id, paid.amount, "USD", "SUCCESS", "AUTH_CAPTURE", shown,
                [*self.chargebacks[transaction_id]], self.left_of(transaction_id), None, None,
            )  # fmt: skip

        return self._perform("get_transaction", {"transaction_id": transaction_id}, get)

    def _standing(self, transaction_id):
        return [one for one in self.given_back[transaction_id] if one.status != "CANCELED"]

    def _shown(self, one):
        reference = one.reference if self.repeats_references else None
        return replace(one, reference=reference, status="PENDING" if one.status == "PENDING" else None)

    def _charge(self, transaction_id):
        found = [one for made in self.charges.values() for one in made if one.transaction_id == transaction_id]
        if not found:
            raise NotFound("not_found", status=403)
        return found[0]

    def _show(self, transaction_id):
        refunded = self._charge(transaction_id).amount - self.left_of(transaction_id)
        for subscription_id, made in self.charges.items():
            self.charges[subscription_id] = [
                replace(one, refunded=refunded) if one.transaction_id == transaction_id else one for one in made
            ]
