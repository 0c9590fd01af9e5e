-- +goose Up
-- Pending invitations: accepted, revoked and replaced ones are deleted. Neither
-- the row nor a copy of it gives a token away: the hash can't be turned back, and
-- the nonce makes a token only together with the key, which is not stored here.
CREATE TABLE rowhouse_member_invitations (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(CAST(id AS BLOB)) = 36),
    org        TEXT    NOT NULL CHECK (length(CAST(org AS BLOB)) BETWEEN 1 AND 1024),
    email      TEXT    NOT NULL CHECK (length(CAST(email AS BLOB)) BETWEEN 3 AND 254), -- as it was given
    address    TEXT    NOT NULL CHECK (length(CAST(address AS BLOB)) BETWEEN 3 AND 254), -- email with A to Z in lower case
    role       TEXT    NOT NULL CHECK (length(CAST(role AS BLOB)) BETWEEN 1 AND 64),
    inviter    TEXT    NOT NULL CHECK (length(CAST(inviter AS BLOB)) BETWEEN 1 AND 1024),
    created_at INTEGER NOT NULL, -- microseconds since 1970, UTC
    expires_at INTEGER NOT NULL, -- microseconds since 1970, UTC
    nonce      BLOB    NOT NULL CHECK (length(nonce) = 16),
    hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of the token
    UNIQUE (org, address)
) STRICT;

-- The listing, in its order.
CREATE INDEX rowhouse_member_invitations_org_created ON rowhouse_member_invitations (org, created_at, id);
