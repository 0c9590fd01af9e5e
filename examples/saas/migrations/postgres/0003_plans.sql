-- +goose Up
-- The plan an organization has paid for. PLAN_LIMITS says what each allows.
ALTER TABLE organizations ADD COLUMN plan text NOT NULL DEFAULT 'free' CHECK (plan ~ '^[a-z][a-z0-9_-]{0,31}$');
