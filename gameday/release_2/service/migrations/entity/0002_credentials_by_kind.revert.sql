-- Of the old release's columns, in their old places: nothing but passwords has been kept so far.
ALTER TABLE account RENAME COLUMN revocation_epoch TO session_epoch;
ALTER TABLE account ALTER COLUMN credentials TYPE text USING credentials ->> 'password';
ALTER TABLE account RENAME COLUMN credentials TO password_hash;
