-- +goose Up
CREATE SCHEMA IF NOT EXISTS rowhouse;

-- Identifiers compare by bytes: the order of listings and locks must not change
-- with the operating system's locale data.
CREATE TABLE rowhouse.members (
    org        text COLLATE "C" NOT NULL CHECK (octet_length(org) BETWEEN 1 AND 1024),
    subject    text COLLATE "C" NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 1024),
    role       text COLLATE "C" NOT NULL CHECK (octet_length(role) BETWEEN 1 AND 64),
    created_at timestamptz      NOT NULL,
    PRIMARY KEY (org, subject)
);

-- An organization is founded once, by whom of two transactions comes first. The
-- row stays until all members are removed with the organization.
CREATE TABLE rowhouse.member_organizations (
    org text COLLATE "C" PRIMARY KEY CHECK (octet_length(org) BETWEEN 1 AND 1024)
);

-- The owners of an organization, for the lock.
CREATE INDEX members_role ON rowhouse.members (org, role);

-- The two listings, in their order.
CREATE INDEX members_org_created ON rowhouse.members (org, created_at, subject);
CREATE INDEX members_subject_created ON rowhouse.members (subject, created_at, org);
