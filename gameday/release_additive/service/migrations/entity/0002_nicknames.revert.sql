DROP TABLE greeting;
ALTER TABLE account DROP COLUMN nickname;
