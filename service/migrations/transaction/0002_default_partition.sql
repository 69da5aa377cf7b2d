-- What no month's partition takes is kept here, and raises an alarm, in place of being refused:
-- service.operations.partitions moves it to where it belongs.
CREATE TABLE event_default PARTITION OF event DEFAULT;

-- Asked directly it shows nothing: the tenants' policy stands on the table above it.
ALTER TABLE event_default ENABLE ROW LEVEL SECURITY;
