-- +goose Up
-- Pending invitations: accepted, revoked and replaced ones are deleted. Neither
-- the row nor a copy of it gives a token away: the hash can't be turned back, and
-- the nonce makes a token only together with the key, which is not stored here.
CREATE TABLE rowhouse.member_invitations (
    id         text COLLATE "C" PRIMARY KEY CHECK (octet_length(id) = 36),
    org        text COLLATE "C" NOT NULL CHECK (octet_length(org) BETWEEN 1 AND 1024),
    email      text COLLATE "C" NOT NULL CHECK (octet_length(email) BETWEEN 3 AND 254), -- as it was given
    address    text COLLATE "C" NOT NULL CHECK (octet_length(address) BETWEEN 3 AND 254), -- email with A to Z in lower case
    role       text COLLATE "C" NOT NULL CHECK (octet_length(role) BETWEEN 1 AND 64),
    inviter    text COLLATE "C" NOT NULL CHECK (octet_length(inviter) BETWEEN 1 AND 1024),
    created_at timestamptz      NOT NULL,
    expires_at timestamptz      NOT NULL,
    nonce      bytea            NOT NULL CHECK (octet_length(nonce) = 16),
    hash       bytea            NOT NULL UNIQUE CHECK (octet_length(hash) = 32), -- SHA-256 of the token
    UNIQUE (org, address)
);

-- The listing, in its order.
CREATE INDEX member_invitations_org_created ON rowhouse.member_invitations (org, created_at, id);

-- Who follows an invitation does not know the organization yet, so row level
-- security by organization would hide the row. This look-up runs with the rights
-- of the table's owner and gives ids only, to those who know a token.
CREATE FUNCTION rowhouse.find_member_invitation(token_hash bytea, moment timestamptz)
RETURNS TABLE (org text, id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT i.org, i.id FROM rowhouse.member_invitations AS i WHERE i.hash = token_hash AND i.expires_at > moment $$;
