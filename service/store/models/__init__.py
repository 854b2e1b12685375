"""The tables, each declared once as a typed record. No column can hold card data: every text, json and bytea column is a DOMAIN."""

from __future__ import annotations

from service.store.models.columns import METADATA
from service.store.models.kept import REVIEWS, Review
from service.store.models.people import PEOPLE, PEOPLE_SCOPES, Person
from service.store.models.selling import (
    ACCOUNTS,
    API_KEY_SCOPES,
    API_KEYS,
    DEPLOYMENT,
    IDEMPOTENCY_KEYS,
    SESSIONS,
    SIGNUPS,
    ApiKey,
    CheckoutSession,
    IdempotencyKey,
    Signup,
)
from service.store.models.sold import (
    CHARGES,
    DISPUTES,
    PRICES,
    REFUNDS,
    SUBSCRIPTIONS,
    TASKS,
    Charge,
    Dispute,
    Price,
    Refund,
    Subscription,
    Task,
)
from service.store.models.told import ENTRIES, EVENT_CURSOR, EVENTS, NOTICES, Entry, Event, Notice

__all__ = [
    "ACCOUNTS",
    "API_KEYS",
    "API_KEY_SCOPES",
    "CHARGES",
    "DEPLOYMENT",
    "DISPUTES",
    "ENTRIES",
    "EVENTS",
    "EVENT_CURSOR",
    "IDEMPOTENCY_KEYS",
    "METADATA",
    "NOTICES",
    "PEOPLE",
    "PEOPLE_SCOPES",
    "PRICES",
    "REFUNDS",
    "REVIEWS",
    "SESSIONS",
    "SIGNUPS",
    "SUBSCRIPTIONS",
    "TASKS",
    "ApiKey",
    "Charge",
    "CheckoutSession",
    "Dispute",
    "Entry",
    "Event",
    "IdempotencyKey",
    "Notice",
    "Person",
    "Price",
    "Refund",
    "Review",
    "Signup",
    "Subscription",
    "Task",
]
