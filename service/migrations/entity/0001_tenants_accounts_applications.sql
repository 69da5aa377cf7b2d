-- Keys are time-ordered and made without a counter, so that two masters never give the same one.
-- RFC 9562, version 7: 48 bits of milliseconds, then chance.
CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_bit(set_bit(overlay(
            uuid_send(gen_random_uuid())
            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
            FROM 1 FOR 6
        ), 52, 1), 53, 1), 'hex')::uuid
$$;

CREATE TABLE tenant (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    host text NOT NULL UNIQUE,
    name text NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    tenant_id uuid NOT NULL REFERENCES tenant,
    login text NOT NULL,
    full_name text NOT NULL,
    password_hash text,
    -- Raised to end every session of this account at once.
    session_epoch int NOT NULL DEFAULT 0,
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, login)
);

CREATE TABLE application (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    tenant_id uuid NOT NULL REFERENCES tenant,
    name text NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);
