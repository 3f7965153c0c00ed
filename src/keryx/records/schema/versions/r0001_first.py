"""The first tables.

Addresses and domains are kept as they are normalised: lower case, A-labels.
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE role (
    address text NOT NULL,
    domain text NOT NULL DEFAULT '',
    PRIMARY KEY (address, domain)
);
COMMENT ON COLUMN role.domain IS 'empty: the whole site';

CREATE TABLE session (
    id_hash text PRIMARY KEY,
    address text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL,
    last_seen timestamptz NOT NULL DEFAULT now(),
    client_ip text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN session.id_hash IS 'SHA-256 of the token in the cookie';
CREATE INDEX session_address ON session (address);
CREATE INDEX session_expires ON session (expires);

CREATE TABLE api_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    prefix text NOT NULL,
    hash text NOT NULL UNIQUE,
    owner text NOT NULL,
    role text NOT NULL CHECK (role IN ('site', 'domain')),
    domains text[] NOT NULL DEFAULT '{}',
    access text NOT NULL CHECK (access IN ('read', 'write')),
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz,
    last_used timestamptz
);
CREATE INDEX api_key_owner ON api_key (owner);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    via text NOT NULL,
    from_ip text NOT NULL DEFAULT '',
    action text NOT NULL,
    subject text NOT NULL DEFAULT '',
    before jsonb,
    after jsonb
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_who ON audit (who, id);
CREATE INDEX audit_subject ON audit (subject, id);
-- Against slips of our own code; who owns the table could still take this away.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'the audit log is never changed'; END$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

CREATE TABLE announcement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text text NOT NULL,
    level text NOT NULL CHECK (level IN ('info', 'warning', 'danger')),
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz
);

CREATE TABLE sample (
    name text NOT NULL,
    at timestamptz NOT NULL,
    value double precision NOT NULL,
    thinned boolean NOT NULL DEFAULT false,
    PRIMARY KEY (name, at)
);
COMMENT ON COLUMN sample.thinned IS 'it stands for all samples of its hour';
CREATE INDEX sample_to_thin ON sample (at) WHERE NOT thinned;

CREATE TABLE preference (
    address text NOT NULL,
    name text NOT NULL,
    value jsonb NOT NULL,
    PRIMARY KEY (address, name)
);
CREATE INDEX preference_name ON preference (name);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)
