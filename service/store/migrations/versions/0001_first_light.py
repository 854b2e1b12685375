"""First light: domains that refuse card data, and the tables of sessions, signups, subscriptions, notices and the journal.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

CARD_FREE = r"""CREATE FUNCTION card_free(document jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT NOT EXISTS (
    SELECT FROM jsonb_path_query(document, 'strict $.**') AS node
    WHERE CASE jsonb_typeof(node)
      WHEN 'string' THEN (node #>> '{}') !~ '^[ -~]{0,200}$'
        OR (length(regexp_replace(node #>> '{}', '[^0-9]', '', 'g')) > 12
            AND (node #>> '{}') !~* '^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
            AND (node #>> '{}') !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?Z$')
      WHEN 'number' THEN length(regexp_replace(node::text, '[^0-9]', '', 'g')) > 12
      WHEN 'object' THEN EXISTS (SELECT FROM jsonb_object_keys(node) AS name WHERE name !~ '^[a-z][a-z_]{0,40}$')
      ELSE false
    END)
$$;
"""

DOMAINS = r"""
CREATE DOMAIN our_id AS text CONSTRAINT our_id_format CHECK (VALUE ~ '^[a-z]{2,4}_[bcdfghjklmnpqrstvwxz]{30}$');
CREATE DOMAIN account_ref AS text CONSTRAINT account_ref_format CHECK (VALUE ~ '^[A-Za-z0-9_-]{1,64}$' AND (length(regexp_replace(VALUE, '[^0-9]', '', 'g')) <= 12 OR VALUE ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'));
CREATE DOMAIN provider_ref AS text CONSTRAINT provider_ref_format CHECK (VALUE ~ '^[0-9]{1,12}$');
CREATE DOMAIN word AS text CONSTRAINT word_format CHECK (VALUE ~ '^[a-z][a-z_.]{0,62}$');
CREATE DOMAIN provider_word AS text CONSTRAINT provider_word_format CHECK (VALUE ~ '^[A-Z][A-Z_]{0,62}$');
CREATE DOMAIN scope_word AS text CONSTRAINT scope_word_format CHECK (VALUE ~ '^[a-z]{2,20}:[a-z]{2,20}$');
CREATE DOMAIN currency_code AS text CONSTRAINT currency_code_format CHECK (VALUE ~ '^[A-Z]{3}$');
CREATE DOMAIN key_name AS text CONSTRAINT key_name_format CHECK (VALUE ~ '^[A-Za-z0-9 ._-]{1,64}$' AND length(regexp_replace(VALUE, '[^0-9]', '', 'g')) <= 12);
CREATE DOMAIN actor_ref AS text CONSTRAINT actor_ref_format CHECK (VALUE ~ '^(key|session|worker|bluesnap|operator)(:[a-z]{2,4}_[bcdfghjklmnpqrstvwxz]{30})?$');
CREATE DOMAIN fraud_ref AS text CONSTRAINT fraud_ref_format CHECK (VALUE ~ '^[0-9A-Za-z]{1,32}$' AND (length(regexp_replace(VALUE, '[^0-9]', '', 'g')) <= 12 OR VALUE ~* '^[0-9a-f]{32}$'));
CREATE DOMAIN digest AS bytea CONSTRAINT digest_format CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN sealed AS bytea CONSTRAINT sealed_format CHECK (octet_length(VALUE) BETWEEN 37 AND 2400);
CREATE DOMAIN image AS jsonb CONSTRAINT image_format CHECK (card_free(VALUE));
"""

TABLES = """
CREATE TABLE accounts (
    account account_ref NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (account)
);
CREATE TABLE api_keys (
    id our_id NOT NULL,
    name key_name NOT NULL,
    environment word NOT NULL,
    digest digest NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (digest)
);
CREATE TABLE deployment (
    environment word NOT NULL,
    PRIMARY KEY (environment)
);
CREATE TABLE entries (
    number BIGSERIAL NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    actor actor_ref NOT NULL,
    act word NOT NULL,
    subject our_id NOT NULL,
    account account_ref,
    version INTEGER,
    image image NOT NULL,
    request our_id,
    PRIMARY KEY (number)
);
CREATE INDEX entries_by_account ON entries (account, number);
CREATE TABLE idempotency_keys (
    caller our_id NOT NULL,
    route word NOT NULL,
    key UUID NOT NULL,
    fingerprint digest NOT NULL,
    status INTEGER,
    answer image,
    fence INTEGER NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (caller, route, key)
);
CREATE TABLE notices (
    id our_id NOT NULL,
    delivery digest NOT NULL,
    meaning digest,
    type provider_word NOT NULL,
    reference provider_ref,
    provider_subscription provider_ref,
    provider_shopper provider_ref,
    amount NUMERIC(12, 3),
    currency currency_code,
    provider_time TIMESTAMP WITH TIME ZONE,
    outcome word NOT NULL,
    reason word,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (delivery),
    UNIQUE (meaning)
);
CREATE INDEX notices_by_subscription ON notices (provider_subscription);
CREATE TABLE api_key_scopes (
    key_id our_id NOT NULL,
    scope scope_word NOT NULL,
    PRIMARY KEY (key_id, scope),
    FOREIGN KEY(key_id) REFERENCES api_keys (id)
);
CREATE TABLE checkout_sessions (
    id our_id NOT NULL,
    account account_ref NOT NULL,
    purpose word NOT NULL,
    plan word NOT NULL,
    plan_version INTEGER NOT NULL,
    members INTEGER NOT NULL,
    amount NUMERIC(12, 3) NOT NULL,
    currency currency_code NOT NULL,
    state word NOT NULL,
    decline_reason word,
    fields_sealed sealed,
    fields_expire_at TIMESTAMP WITH TIME ZONE,
    renewals INTEGER NOT NULL,
    address digest,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    subscription_id our_id,
    PRIMARY KEY (id),
    FOREIGN KEY(account) REFERENCES accounts (account)
);
CREATE INDEX sessions_by_address ON checkout_sessions (address, created_at);
CREATE INDEX sessions_with_fields ON checkout_sessions (expires_at) WHERE fields_sealed IS NOT NULL;
CREATE TABLE subscriptions (
    id our_id NOT NULL,
    account account_ref NOT NULL,
    plan word NOT NULL,
    plan_version INTEGER NOT NULL,
    members INTEGER NOT NULL,
    amount NUMERIC(12, 3) NOT NULL,
    currency currency_code NOT NULL,
    status word NOT NULL,
    provider_subscription provider_ref,
    provider_shopper provider_ref,
    next_charge_on DATE,
    paid_until TIMESTAMP WITH TIME ZONE,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(account) REFERENCES accounts (account),
    UNIQUE (provider_subscription)
);
CREATE UNIQUE INDEX one_purchase_per_account ON subscriptions (account) WHERE status IN ('incomplete', 'active');
CREATE INDEX subscriptions_by_account ON subscriptions (account);
CREATE INDEX subscriptions_by_shopper ON subscriptions (provider_shopper);
CREATE TABLE charges (
    id our_id NOT NULL,
    subscription_id our_id NOT NULL,
    reference provider_ref NOT NULL,
    amount NUMERIC(12, 3) NOT NULL,
    currency currency_code NOT NULL,
    source word NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(subscription_id) REFERENCES subscriptions (id),
    UNIQUE (reference)
);
CREATE INDEX charges_by_subscription ON charges (subscription_id);
CREATE TABLE signups (
    id our_id NOT NULL,
    session_id our_id NOT NULL,
    account account_ref NOT NULL,
    subscription_id our_id NOT NULL,
    state word NOT NULL,
    provider_shopper provider_ref,
    shopper_key UUID NOT NULL,
    subscription_key UUID NOT NULL,
    fraud_session fraud_ref,
    three_d_secure provider_ref,
    address digest,
    cause word,
    looked INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    called_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(session_id) REFERENCES checkout_sessions (id),
    FOREIGN KEY(account) REFERENCES accounts (account),
    FOREIGN KEY(subscription_id) REFERENCES subscriptions (id)
);
CREATE INDEX signups_by_account ON signups (account, created_at);
CREATE INDEX signups_by_session ON signups (session_id);
CREATE INDEX signups_by_shopper ON signups (provider_shopper);
CREATE INDEX signups_by_time ON signups (created_at);
CREATE INDEX signups_undecided ON signups (lease_until) WHERE state NOT IN ('active', 'declined', 'released', 'stuck');
"""

TABLE_NAMES = ("signups", "charges", "subscriptions", "checkout_sessions", "api_key_scopes", "notices", "idempotency_keys", "entries", "deployment", "api_keys", "accounts")
DOMAIN_NAMES = ("our_id", "account_ref", "provider_ref", "word", "provider_word", "scope_word", "currency_code", "key_name", "actor_ref", "fraud_ref", "digest", "sealed", "image")


def upgrade() -> None:
    """Create everything."""
    for script in (CARD_FREE, DOMAINS, TABLES):
        op.execute(script)


def downgrade() -> None:
    """Drop everything."""
    for name in TABLE_NAMES:
        op.execute(f"DROP TABLE {name}")
    for name in DOMAIN_NAMES:
        op.execute(f"DROP DOMAIN {name}")
    op.execute("DROP FUNCTION card_free(jsonb)")
