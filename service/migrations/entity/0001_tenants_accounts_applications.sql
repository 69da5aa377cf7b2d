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

-- What the current transaction is about, or null: then row-level security shows and takes no row.
CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.tenant', true), '')::uuid
$$;

CREATE TABLE tenant (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    -- The label before the domain in a request's Host.
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
    status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'SUSPENDED')),
    role text NOT NULL DEFAULT 'USER' CHECK (role IN ('USER', 'ADMIN')),
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
    -- SHA-256 of the secret that it shows to ask about tokens; a secret of ours, so no guess finds it.
    secret_hash text,
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);

-- Audit events on their way to the queue. Who changes an account names the event in app.event, and
-- the same transaction holds it, with the values before and after: both are there, or neither is.
-- What names no event is no act of a user: a migration's backfill, or the other master's rows.
CREATE TABLE outbox (
    -- The event's own.
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    event jsonb NOT NULL
);

CREATE FUNCTION add_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    event jsonb := current_setting('app.event');
BEGIN
    INSERT INTO public.outbox (id, tenant_id, event) VALUES (
        (event ->> 'id')::uuid,
        coalesce(NEW.tenant_id, OLD.tenant_id),
        jsonb_set(event, '{detail}', (event -> 'detail') || jsonb_strip_nulls(jsonb_build_object(
            'user', coalesce(NEW.id, OLD.id),
            'old', jsonb_build_object('login', OLD.login, 'status', OLD.status, 'role', OLD.role),
            'new', jsonb_build_object('login', NEW.login, 'status', NEW.status, 'role', NEW.role)
        )))
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER event AFTER INSERT OR UPDATE OR DELETE ON account FOR EACH ROW
    WHEN (current_setting('app.event', true) <> '') EXECUTE FUNCTION add_event();

-- Nothing of another tenant, whatever a statement forgets. Not FORCEd upon the owner: logical
-- replication writes as the owner, and refuses a table whose policies hold for it. No request is
-- ever served as the owner.
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenant USING (id = current_tenant());
-- The one question without a tenant: which one has this host.
CREATE POLICY by_host ON tenant FOR SELECT USING (host = current_setting('app.host', true));
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON account USING (tenant_id = current_tenant());
ALTER TABLE application ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON application USING (tenant_id = current_tenant());
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON outbox USING (tenant_id = current_tenant());
-- Who empties it does so for every tenant.
CREATE POLICY emptied ON outbox FOR SELECT USING (current_setting('app.outbox', true) = 'empty');
CREATE POLICY emptied_too ON outbox FOR DELETE USING (current_setting('app.outbox', true) = 'empty');
