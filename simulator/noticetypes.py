"""The kinds of notices that the simulator can send, those an operator of Panless should switch on, and their switches in BlueSnap's own settings. Nothing but names."""

from __future__ import annotations

from types import MappingProxyType

#: On unless the behaviour `notice_types` says otherwise.
NEEDED = (
    "CHARGE",
    "RECURRING",
    "SUBSCRIPTION_CHARGE_FAILURE",
    "CANCELLATION",
    "CANCEL_ON_RENEWAL",
    "CONTRACT_CHANGE",
    "REFUND",
    "CANCELLATION_REFUND",
    "PENDING_REFUND",
    "CHARGEBACK",
    "CHARGEBACK_STATUS_CHANGED",
    "ACCOUNT_UPDATER",
    "CC_STATUS_CHANGED",
)
TYPES = (
    *NEEDED,
    "AUTH_ONLY",
    "CC_CHARGE_FAILED",
    "PAYMENT_UPDATED",
    "SHOPPER_DELETED",
    "SUBSCRIPTION_REMINDER",
    "VAULTED_SHOPPER",
)

#: Flags of one destination in /notification-config, as public clients send them; what a PUT leaves out is switched off there.
#: PENDING_REFUND, CC_STATUS_CHANGED and VAULTED_SHOPPER have no flag that is known.
FLAGS = MappingProxyType(
    {
        "sendAccountUpdater": "ACCOUNT_UPDATER",
        "sendAuthOnly": "AUTH_ONLY",
        "sendCancelOnRenewal": "CANCEL_ON_RENEWAL",
        "sendCancellation": "CANCELLATION",
        "sendCancellationRefund": "CANCELLATION_REFUND",
        "sendCcFailure": "CC_CHARGE_FAILED",
        "sendCharge": "CHARGE",
        "sendChargeback": "CHARGEBACK",
        "sendChargebackStatusChanged": "CHARGEBACK_STATUS_CHANGED",
        "sendContractChange": "CONTRACT_CHANGE",
        "sendPaymentUpdate": "PAYMENT_UPDATED",
        "sendRecurring": "RECURRING",
        "sendRefund": "REFUND",
        "sendShopperDeleted": "SHOPPER_DELETED",
        "sendSubCcFailure": "SUBSCRIPTION_CHARGE_FAILURE",
        "sendSubscriptionReminder": "SUBSCRIPTION_REMINDER",
    }
)
