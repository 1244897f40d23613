-- Listings of a firm's people by login, name, role and last sign-in, and counts by state, without reading the
-- people themselves: their sealed numbers make rows long.

CREATE INDEX employees_by_login ON employees (firm, folded, name_folded, active, locked_until, phone_suspended, phone_hash);
CREATE INDEX employees_by_name ON employees (firm, name_folded, folded, active, locked_until, phone_suspended, phone_hash);
CREATE INDEX employees_by_role ON employees (firm, role, folded);
CREATE INDEX employees_by_sign_in ON employees (firm, (COALESCE(last_sign_in, 0)), folded);
