-- Names that people go by, beside those that they have: old code leaves them out.
ALTER TABLE account ADD COLUMN nickname text;

CREATE TABLE greeting (
    language text PRIMARY KEY,
    words text NOT NULL
);
INSERT INTO greeting VALUES ('de', 'Hallo'), ('en', 'Hello');
