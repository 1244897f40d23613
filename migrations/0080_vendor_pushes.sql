-- What a provider calls a request of its own, so that any gateway can ask what became of it. The epoch voids an
-- approval after a reset.
ALTER TABLE pushes ADD COLUMN provider TEXT;
ALTER TABLE pushes ADD COLUMN request TEXT;
ALTER TABLE pushes ADD COLUMN epoch BIGINT;
CREATE INDEX pushes_expires ON pushes (expires);
