-- The admin API: its tokens (of a token only its SHA-256 is kept), and the answers that an Idempotency-Key
-- keeps for a day, sealed.
CREATE TABLE api_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);

CREATE TABLE kept_answers (
    token TEXT NOT NULL,
    route TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    answer TEXT,
    begun BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (token, route, idempotency_key)
);
CREATE INDEX kept_answers_keep_until ON kept_answers (keep_until);

-- What SCIM says of a person beside what `employees` holds; with `waiting` 1 they are in no group: they exist,
-- and nobody can sign in as them.
CREATE TABLE scim_users (
    folded TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL,
    waiting BIGINT NOT NULL,
    name TEXT NOT NULL,
    given_name TEXT,
    family_name TEXT,
    external_id TEXT,
    phone TEXT,
    email TEXT,
    role TEXT NOT NULL,
    active BIGINT NOT NULL
);
CREATE INDEX scim_users_external_id ON scim_users (external_id);

-- What an identity provider calls a firm.
CREATE TABLE scim_groups (
    firm TEXT NOT NULL PRIMARY KEY,
    external_id TEXT
);

-- Notices that wait to be sent, and how far the audit was delivered.
CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    employee TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL
);
CREATE INDEX notices_due ON notices (due);

CREATE TABLE deliveries (
    sink TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    leased_until BIGINT NOT NULL
);
