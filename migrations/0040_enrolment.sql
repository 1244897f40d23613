-- Recovery codes, remembered devices, and changes of number that wait.

-- The codes of one set, each kept as a keyed hash. `used` is when, 0: not yet.
CREATE TABLE recovery_codes (
    employee TEXT NOT NULL REFERENCES employees (folded) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    made BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (employee, hash)
);

-- A browser that needs no second factor for a while. `hash` is the SHA-256 of the token that counts now,
-- `password` a digest of the password that only that token can make.
CREATE TABLE remembered_devices (
    id TEXT NOT NULL PRIMARY KEY,
    employee TEXT NOT NULL REFERENCES employees (folded) ON DELETE CASCADE,
    factor TEXT NOT NULL,
    hash TEXT NOT NULL,
    password TEXT NOT NULL,
    browser TEXT NOT NULL,
    address TEXT NOT NULL,
    employee_epoch BIGINT NOT NULL,
    firm_epoch BIGINT NOT NULL,
    made BIGINT NOT NULL,
    used BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX remembered_devices_employee ON remembered_devices (employee);

-- A number that was asked for. Counts only once it is approved and `due` has come; 0: not approved.
CREATE TABLE phone_changes (
    employee TEXT NOT NULL PRIMARY KEY REFERENCES employees (folded) ON DELETE CASCADE,
    id TEXT NOT NULL,
    phone TEXT NOT NULL,
    phone_hash TEXT NOT NULL,
    asked BIGINT NOT NULL,
    asked_from TEXT NOT NULL,
    cancel_hash TEXT NOT NULL,
    approved BIGINT NOT NULL,
    approved_by TEXT NOT NULL,
    due BIGINT NOT NULL
);
CREATE INDEX phone_changes_due ON phone_changes (due);
