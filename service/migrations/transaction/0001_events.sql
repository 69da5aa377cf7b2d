-- The audit log: written once, read by time. A partition a month (service.operations.partitions),
-- so that an old one is detached and archived without touching the rest.
CREATE TABLE event (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    tenant_id uuid NOT NULL,
    actor text,
    kind text NOT NULL,
    outcome text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);

CREATE INDEX event_of_tenant ON event (tenant_id, at);
CREATE INDEX event_of_actor ON event (tenant_id, actor, at);
