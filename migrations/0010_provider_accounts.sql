-- Providers' own ids of employees (an Authy id stands for a number): sealed, and worth nothing for another
-- subject than the one whose keyed hash stands beside it.
CREATE TABLE provider_accounts (
    employee TEXT NOT NULL REFERENCES employees (folded) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    subject_hash TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (employee, provider)
);
