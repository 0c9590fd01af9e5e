-- +goose Up
CREATE TABLE rowhouse_members (
    org        TEXT    NOT NULL CHECK (length(CAST(org AS BLOB)) BETWEEN 1 AND 1024),
    subject    TEXT    NOT NULL CHECK (length(CAST(subject AS BLOB)) BETWEEN 1 AND 1024),
    role       TEXT    NOT NULL CHECK (length(CAST(role AS BLOB)) BETWEEN 1 AND 64),
    created_at INTEGER NOT NULL, -- microseconds since 1970, UTC
    PRIMARY KEY (org, subject)
) STRICT;

-- An organization is founded once. The row stays until all members are removed
-- with the organization.
CREATE TABLE rowhouse_member_organizations (
    org TEXT PRIMARY KEY NOT NULL CHECK (length(CAST(org AS BLOB)) BETWEEN 1 AND 1024)
) STRICT;

-- The owners of an organization, for the lock.
CREATE INDEX rowhouse_members_role ON rowhouse_members (org, role);

-- The two listings, in their order.
CREATE INDEX rowhouse_members_org_created ON rowhouse_members (org, created_at, subject);
CREATE INDEX rowhouse_members_subject_created ON rowhouse_members (subject, created_at, org);
