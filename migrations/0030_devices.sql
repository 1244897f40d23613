-- Enrolled phones: what a factor of kind `push` has beside its secret, which is the device's public key.
CREATE TABLE devices (
    id TEXT NOT NULL PRIMARY KEY REFERENCES factors (id) ON DELETE CASCADE,
    subscription TEXT,
    last_used BIGINT
);

-- One-time codes by which a phone is enrolled, hashed. The epoch voids them at a reset.
CREATE TABLE device_codes (
    hash TEXT NOT NULL PRIMARY KEY,
    employee TEXT NOT NULL REFERENCES employees (folded) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX device_codes_expires ON device_codes (expires);

-- Requests that went to phones, and what became of them: pushes that nobody wants must stop by themselves.
CREATE TABLE pushes (
    id TEXT NOT NULL PRIMARY KEY,
    challenge TEXT NOT NULL,
    employee TEXT NOT NULL REFERENCES employees (folded) ON DELETE CASCADE,
    address TEXT NOT NULL,
    browser TEXT NOT NULL,
    sent BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    outcome TEXT,
    device TEXT
);
CREATE INDEX pushes_employee ON pushes (employee, sent);
CREATE INDEX pushes_sent ON pushes (sent);

-- The key pair by which push services know this directory's gateways (RFC 8292), sealed. One row.
CREATE TABLE push_keys (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    secret TEXT NOT NULL
);
