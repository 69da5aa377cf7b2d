-- What the current transaction is about, or null: then row-level security shows and takes no row.
CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.tenant', true), '')::uuid
$$;

-- The audit log: written once, read by time. A partition a month (service.operations.partitions),
-- so that an old one is detached and archived without touching the rest. What reports group by is
-- in each row, as it was when the event happened: nothing is joined.
CREATE TABLE event (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    tenant_id uuid NOT NULL,
    actor text,
    kind text NOT NULL,
    outcome text NOT NULL,
    login text,
    role text,
    client text,
    agent text,
    region text,
    half text,
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);

CREATE INDEX event_of_tenant ON event (tenant_id, at, id);
CREATE INDEX event_of_actor ON event (tenant_id, actor, at, id);

ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON event USING (tenant_id = current_tenant());
