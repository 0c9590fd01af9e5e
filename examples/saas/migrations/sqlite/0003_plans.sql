-- +goose Up
-- The plan an organization has paid for. PLAN_LIMITS says what each allows.
ALTER TABLE organizations ADD COLUMN plan TEXT NOT NULL DEFAULT 'free'
    CHECK (length(plan) BETWEEN 1 AND 32 AND plan NOT GLOB '*[^a-z0-9_-]*' AND plan GLOB '[a-z]*');
