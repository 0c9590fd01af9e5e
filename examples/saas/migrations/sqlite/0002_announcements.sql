-- +goose Up
-- What an organization tells its members.
CREATE TABLE announcements (
    tenant_id  TEXT    NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id         TEXT    NOT NULL CHECK (length(id) = 36),
    author     TEXT    NOT NULL CHECK (length(CAST(author AS BLOB)) BETWEEN 1 AND 1024),
    body       TEXT    NOT NULL CHECK (length(body) BETWEEN 1 AND 2000),
    created_at INTEGER NOT NULL, -- microseconds since 1970, UTC
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX announcements_listed ON announcements (tenant_id, created_at, id);

-- An id that an organization once had is never another's: backups, logs and
-- files outside of the database go on naming it.
CREATE TABLE organization_tombstones (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    deleted_at INTEGER NOT NULL
) STRICT;
