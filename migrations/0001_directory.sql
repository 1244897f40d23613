-- One schema for SQLite and PostgreSQL: TEXT and BIGINT only. Times are milliseconds since 1970 UTC,
-- flags 0 or 1, sealed bytes base64 text, and what is searched has a folded copy.

-- One row: which directory this is, its change counter, and the end of the audit's chain. Every change
-- begins by raising the counter, which takes the write lock on SQLite and orders commits on PostgreSQL.
CREATE TABLE meta (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    counter BIGINT NOT NULL,
    pruned BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    audit_seq BIGINT NOT NULL,
    audit_hash TEXT NOT NULL
);

-- What each change touched, for the gateways' copies. Pruned up to meta.pruned.
CREATE TABLE changes (
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    item TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (seq, kind, item)
);
CREATE INDEX changes_at ON changes (at);

CREATE TABLE firms (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    two_factor BIGINT NOT NULL,
    two_factor_from BIGINT,
    policy TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    break_glass_until BIGINT,
    break_glass_reason TEXT
);

CREATE TABLE employees (
    folded TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL,
    firm TEXT NOT NULL REFERENCES firms (id),
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    phone TEXT,
    phone_hash TEXT,
    phone_suspended BIGINT NOT NULL,
    email TEXT,
    role TEXT NOT NULL,
    active BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    last_sign_in BIGINT
);
CREATE INDEX employees_firm ON employees (firm, folded);
CREATE INDEX employees_phone ON employees (phone_hash);

-- Logins and aliases together: no two that fold alike can exist.
CREATE TABLE names (
    folded TEXT NOT NULL PRIMARY KEY,
    shown TEXT NOT NULL,
    employee TEXT NOT NULL REFERENCES employees (folded) ON DELETE CASCADE
);
CREATE INDEX names_employee ON names (employee);

CREATE TABLE factors (
    id TEXT NOT NULL PRIMARY KEY,
    employee TEXT NOT NULL REFERENCES employees (folded) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    digits BIGINT NOT NULL,
    period BIGINT NOT NULL,
    skew BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    added BIGINT NOT NULL
);
CREATE INDEX factors_employee ON factors (employee);

CREATE TABLE passcodes (
    employee TEXT NOT NULL PRIMARY KEY REFERENCES employees (folded) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE spent (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX spent_keep_until ON spent (keep_until);

CREATE TABLE ended_sessions (
    public_id TEXT NOT NULL PRIMARY KEY,
    keep_until BIGINT NOT NULL
);
CREATE INDEX ended_sessions_keep_until ON ended_sessions (keep_until);

CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    firm TEXT,
    login TEXT,
    login_folded TEXT,
    details TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_firm ON audit (firm, seq);
CREATE INDEX audit_login ON audit (login_folded, seq);
CREATE INDEX audit_event ON audit (event, seq);
