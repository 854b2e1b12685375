"""The calls that we make to BlueSnap, one method each. Must never repeat a call that may have happened, nor decide what an outcome means for us."""

from __future__ import annotations

from service.bluesnap.account_calls import AccountCalls
from service.bluesnap.calling import Observe
from service.bluesnap.payment_calls import PaymentCalls
from service.bluesnap.shopper_calls import ShopperCalls
from service.bluesnap.subscription_calls import SubscriptionCalls
from service.bluesnap.transport import Timeouts

__all__ = ["BlueSnapClient", "Observe", "Timeouts"]


class BlueSnapClient(ShopperCalls, SubscriptionCalls, PaymentCalls, AccountCalls):
    """BlueSnap's JSON Payment API, as far as we use it. Safe to share between threads; make one per process, after a fork.

    Every method raises a BlueSnapError (service/errors.py) and nothing else of what happens outside; ValueError for an argument that
    must not reach a URL or a body.
    """
