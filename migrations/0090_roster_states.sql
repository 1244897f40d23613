-- Who of a firm is in a state that few are in, counted without reading everybody: deactivated, locked, and those who
-- have no number that an SMS can go to.

CREATE INDEX employees_inactive ON employees (firm, active, folded);
CREATE INDEX employees_locked ON employees (firm, locked_until, active);
CREATE INDEX employees_numberless ON employees (firm, (CASE WHEN phone_hash IS NOT NULL AND phone_suspended = 0 THEN 1 ELSE 0 END), active, locked_until, folded, name_folded);
