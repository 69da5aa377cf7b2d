-- An account's credentials by kind, so that a passkey has its place beside the password. Every row is
-- written anew.
ALTER TABLE account RENAME COLUMN password_hash TO credentials;
ALTER TABLE account ALTER COLUMN credentials TYPE jsonb
    USING CASE WHEN credentials IS NOT NULL THEN jsonb_build_object('password', credentials) END;

-- Raised to revoke more than sessions from now on.
ALTER TABLE account RENAME COLUMN session_epoch TO revocation_epoch;
