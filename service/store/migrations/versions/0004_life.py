"""The subscriptions' life: plan and member changes with agreed prices, refunds, disputes, tasks for people, events, and a feed that misses nothing.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

# Every new column has a default or may be empty, so that code of the schema before can go on inserting.
UP = """
ALTER TABLE checkout_sessions
    ALTER COLUMN plan DROP NOT NULL, ALTER COLUMN plan_version DROP NOT NULL, ALTER COLUMN members DROP NOT NULL,
    ALTER COLUMN amount DROP NOT NULL, ALTER COLUMN currency DROP NOT NULL,
    ADD COLUMN three_d_secure_required boolean DEFAULT false NOT NULL;
ALTER TABLE subscriptions
    ADD COLUMN pending_plan word, ADD COLUMN pending_plan_version integer, ADD COLUMN pending_members integer,
    ADD COLUMN next_plan word, ADD COLUMN next_plan_version integer, ADD COLUMN applies_from date;
DROP INDEX one_purchase_per_account;
CREATE UNIQUE INDEX one_purchase_per_account ON subscriptions (account) WHERE status IN ('incomplete', 'active', 'past_due', 'disputed');
DROP INDEX subscriptions_by_period;
CREATE INDEX subscriptions_by_period ON subscriptions (paid_until) WHERE status IN ('active', 'past_due', 'disputed');
ALTER TABLE signups ALTER COLUMN session_id DROP NOT NULL;
DROP INDEX signups_undecided;
CREATE INDEX signups_undecided ON signups (lease_until) WHERE state NOT IN ('active', 'declined', 'released', 'stuck', 'replaced');
ALTER TABLE charges ADD COLUMN charged_on date, ADD COLUMN kind word;
ALTER TABLE notices
    ADD COLUMN reversal_reference provider_ref, ADD COLUMN reversal_amount numeric(12, 3), ADD COLUMN dispute_status word;
CREATE INDEX notices_open ON notices (outcome, id) WHERE outcome IN ('waiting', 'hint', 'failed');
ALTER TABLE entries ADD COLUMN xid bigint DEFAULT (pg_current_xact_id()::text::bigint) NOT NULL;
CREATE INDEX entries_by_feed ON entries (xid, number);
CREATE TABLE prices (
    id our_id NOT NULL PRIMARY KEY,
    subscription_id our_id NOT NULL REFERENCES subscriptions (id),
    applies_from date NOT NULL,
    plan word NOT NULL,
    plan_version integer NOT NULL,
    members integer NOT NULL,
    amount numeric(12, 3) NOT NULL,
    currency currency_code NOT NULL,
    agreed_at timestamp with time zone NOT NULL
);
CREATE UNIQUE INDEX prices_by_day ON prices (subscription_id, applies_from);
CREATE TABLE refunds (
    id our_id NOT NULL PRIMARY KEY,
    charge_id our_id NOT NULL REFERENCES charges (id),
    account account_ref NOT NULL REFERENCES accounts (account),
    amount numeric(12, 3) NOT NULL,
    currency currency_code NOT NULL,
    reason word,
    cancel_subscription boolean NOT NULL,
    status word NOT NULL,
    source word NOT NULL,
    provider_refund provider_ref UNIQUE,
    key uuid NOT NULL,
    looked integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    called_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL
);
CREATE INDEX refunds_by_charge ON refunds (charge_id);
CREATE INDEX refunds_undecided ON refunds (lease_until) WHERE status IN ('requested', 'unknown', 'pending');
CREATE TABLE disputes (
    id our_id NOT NULL PRIMARY KEY,
    reference provider_ref NOT NULL UNIQUE,
    charge_reference provider_ref NOT NULL,
    subscription_id our_id NOT NULL REFERENCES subscriptions (id),
    account account_ref NOT NULL REFERENCES accounts (account),
    status word NOT NULL,
    amount numeric(12, 3),
    currency currency_code,
    stopped_renewal boolean DEFAULT false NOT NULL,
    told_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE INDEX disputes_by_subscription ON disputes (subscription_id);
CREATE INDEX disputes_by_charge ON disputes (charge_reference);
CREATE TABLE tasks (
    id our_id NOT NULL PRIMARY KEY,
    kind word NOT NULL,
    subject our_id,
    reference provider_ref,
    account account_ref,
    amount numeric(12, 3),
    currency currency_code,
    state word NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone
);
CREATE UNIQUE INDEX one_task_of_a_matter ON tasks (kind, subject, reference) NULLS NOT DISTINCT;
CREATE TABLE events (
    id our_id NOT NULL PRIMARY KEY,
    entry bigint NOT NULL UNIQUE REFERENCES entries (number),
    type word NOT NULL,
    account account_ref,
    state word NOT NULL,
    attempts integer NOT NULL,
    next_at timestamp with time zone,
    status integer,
    cause word,
    delivered_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL
);
CREATE INDEX events_due ON events (next_at) WHERE state = 'pending';
CREATE TABLE event_cursor (one boolean DEFAULT true NOT NULL PRIMARY KEY CHECK (one), xid bigint NOT NULL, number bigint NOT NULL);
"""
DOWN = """
DROP TABLE event_cursor, events, tasks, disputes, refunds, prices;
DROP INDEX entries_by_feed;
ALTER TABLE entries DROP COLUMN xid;
DROP INDEX notices_open;
ALTER TABLE notices DROP COLUMN dispute_status, DROP COLUMN reversal_amount, DROP COLUMN reversal_reference;
ALTER TABLE charges DROP COLUMN kind, DROP COLUMN charged_on;
DROP INDEX signups_undecided;
CREATE INDEX signups_undecided ON signups (lease_until) WHERE state NOT IN ('active', 'declined', 'released', 'stuck');
DROP INDEX subscriptions_by_period;
CREATE INDEX subscriptions_by_period ON subscriptions (paid_until) WHERE status IN ('active', 'past_due');
DROP INDEX one_purchase_per_account;
CREATE UNIQUE INDEX one_purchase_per_account ON subscriptions (account) WHERE status IN ('incomplete', 'active', 'past_due');
ALTER TABLE subscriptions
    DROP COLUMN applies_from, DROP COLUMN next_plan_version, DROP COLUMN next_plan,
    DROP COLUMN pending_members, DROP COLUMN pending_plan_version, DROP COLUMN pending_plan;
ALTER TABLE checkout_sessions DROP COLUMN three_d_secure_required;
"""


def upgrade() -> None:
    """Add what the subscriptions' life needs."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Take it away. What the schema before required stays optional: rows without it may exist."""
    op.get_bind().exec_driver_sql(DOWN)
