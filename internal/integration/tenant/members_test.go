package tenant_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// testMembers changes memberships and orders in one transaction.
func testMembers(t *testing.T, p postgres) {
	p.clear(t)
	owner := p.owner(t)
	files := members.Migrations(members.Postgres)
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		_, err = owner.ExecContext(t.Context(), string(text))
		require.NoError(t, err)
	}
	_, err = owner.ExecContext(t.Context(), fmt.Sprintf(`GRANT USAGE ON SCHEMA rowhouse TO %[1]s;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rowhouse TO %[1]s`, p.login))
	require.NoError(t, err)

	store, err := members.New(members.Postgres, rbac.DefaultPolicy(), nil)
	require.NoError(t, err)
	db := newDB(t, p.pool(t, 2), tenant.Postgres, nil)
	org := orgID(t, 0).String()
	require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		if err := store.Create(ctx, tx.Unscoped("rbac/members"), org, "alice"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO orders (tenant_id, title) VALUES (:tenant, 'welcome')`)
		return err
	}))
	require.NoError(t, db.SubjectTx(t.Context(), "alice", func(ctx context.Context, q tenant.Plain) error {
		role, err := store.Role(ctx, q, org, "alice")
		require.Equal(t, rbac.Owner, role)
		return err
	}))
	require.ErrorIs(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM orders WHERE tenant_id = :tenant`); err != nil {
			return err
		}
		return store.Remove(ctx, tx.Unscoped("rbac/members"), org, "alice", "alice")
	}), rbac.ErrLastOwner)
	require.Equal(t, 1, p.count(t), "what belongs together was rolled back together")
}
