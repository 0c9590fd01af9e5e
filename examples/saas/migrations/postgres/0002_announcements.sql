-- +goose Up
-- What an organization tells its members. Its rows are the tenant's: the key
-- begins with it, and the reference can lead to no other organization's.
CREATE TABLE announcements (
    tenant_id  uuid             NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id         uuid             NOT NULL,
    author     text COLLATE "C" NOT NULL CHECK (octet_length(author) BETWEEN 1 AND 1024),
    body       text             NOT NULL CHECK (char_length(body) BETWEEN 1 AND 2000),
    created_at timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX announcements_listed ON announcements (tenant_id, created_at, id);

-- An id that an organization once had is never another's: backups, logs and
-- files outside of the database go on naming it.
CREATE TABLE organization_tombstones (
    id         uuid        NOT NULL PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
