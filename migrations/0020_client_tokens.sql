-- Tokens of machine clients that pass an exempt entry: shown once, kept as SHA-256.
CREATE TABLE client_tokens (
    name TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL,
    expires BIGINT
);
