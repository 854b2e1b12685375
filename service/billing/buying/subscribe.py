"""The second step of a signup: the call that charges. Shared by the request that the page waits on and by the worker that settles what it lost."""

from __future__ import annotations

from service.billing.buying import doubts, steps
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.errors import BlueSnapError, Declined, NeverSent, RetryLater, Unknown
from service.store import accounts
from service.store.journal import Origin
from service.store.models import Signup
from service.telemetry import metrics


def subscribe(tools: Tools, origin: Origin, signup: Signup, *, repeated: bool = False) -> Signup:
    """Create the subscription, with the attempt's own key. Raises BlueSnapError if the attempt is over.

    `repeated`: an earlier call with this key may have charged. What was not processed now says nothing of that one.
    """
    with tools.engine.connect() as connection:
        claim = accounts.subscription(connection, signup.subscription_id)
    plan = tools.catalogue.version(claim.plan, claim.plan_version)
    try:
        found = tools.bluesnap.create_subscription(
            plan_id=plan.provider_plan,
            shopper_id=signup.provider_shopper or "",
            amount=claim.amount,
            three_d_secure_reference=signup.three_d_secure,
            fraud_session_id=signup.fraud_session,
            idempotency_key=str(signup.subscription_key),
        )
    except Unknown as error:
        return steps.lose(tools, signup, origin, cause=error.cause)
    except (NeverSent, RetryLater) as error:
        if repeated:
            return steps.lose(tools, signup, origin, cause=error.cause)
        return steps.postpone(tools, signup, origin, cause=error.cause)
    except BlueSnapError as error:
        if repeated and not isinstance(error, Declined):
            return steps.lose(tools, signup, origin, cause=error.cause)
        steps.end(tools, signup, origin, error)
        raise
    return adopt(tools, origin, signup, found)


def adopt(tools: Tools, origin: Origin, signup: Signup, found: Found) -> Signup:
    """Believe in a subscription only if it is the one that was asked for; one that differs goes to a person, with an alarm."""
    if _thin(found):
        try:
            found = tools.bluesnap.get_subscription(found.subscription_id)
        except BlueSnapError as error:
            return (
                steps.lose(tools, signup, origin, cause=error.cause)
                if signup.state == "subscription_requested"
                else signup
            )
    with tools.engine.connect() as connection:
        claim = accounts.subscription(connection, signup.subscription_id)
    plan = tools.catalogue.version(claim.plan, claim.plan_version)
    wrong = doubts.strangeness(tools, signup, found) or doubts.mismatch(claim, plan.provider_plan, found)
    if wrong is not None:
        metrics.SIGNUP_MISMATCHES.labels(what=wrong).inc()
        return steps.stop(tools, signup, origin, cause=f"mismatch.{wrong}")
    return steps.activate(tools, signup, origin, found)


def _thin(found: Found) -> bool:
    """Some answers carry four fields only (bluesnap/variants.md section 8): then the whole is read."""
    return None in {found.plan_id, found.amount, found.currency, found.quantity, found.next_charge_date}
