-- Passkeys: what a factor of kind `passkey` has beside its public key (`factors.secret`, sealed) and its signature
-- counter (`factors.last_step`). No two factors share a credential, and each belongs to one relying party.
CREATE TABLE passkeys (
    id TEXT NOT NULL PRIMARY KEY REFERENCES factors (id) ON DELETE CASCADE,
    credential TEXT NOT NULL,
    site TEXT NOT NULL,
    last_used BIGINT
);
CREATE UNIQUE INDEX passkeys_credential ON passkeys (site, credential);
