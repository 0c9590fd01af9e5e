package tenantpgx_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	for setting, says := range map[string]string{
		"App.Tenant":                "Setting",
		"tenant":                    "Setting",
		"app.tenant_id', '', true)": "Setting",
		"app.subject":               "the subject's",
	} {
		o := &tenant.DBOptions{Setting: setting, Tables: []string{""}}
		_, err := tenantpgx.New(nil, o)
		require.ErrorContains(t, err, "nil *pgxpool.Pool")
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "table's name")

		_, err = tenantpgx.Stdlib(nil, o)
		require.ErrorContains(t, err, "nil *sql.DB")
		require.ErrorContains(t, err, says)
	}
}

// otherDriver is not pgx's.
type otherDriver struct{}

func (otherDriver) Connect(context.Context) (driver.Conn, error) { return nil, errors.ErrUnsupported }
func (otherDriver) Driver() driver.Driver                        { return otherDriver{} }
func (otherDriver) Open(string) (driver.Conn, error)             { return nil, errors.ErrUnsupported }

func TestStdlibTakesOnlyPgx(t *testing.T) {
	t.Parallel()
	db := sql.OpenDB(otherDriver{})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err := tenantpgx.Stdlib(db, nil)
	require.ErrorContains(t, err, "tenantpgx_test.otherDriver, not *stdlib.Driver of pgx")
}

// Nobody listens there: what is refused needs no connection, and the rest says why
// it has none.
func TestWithoutServer(t *testing.T) {
	t.Parallel()
	const url = "postgres://app@127.0.0.1:1/app?sslmode=disable"
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	std, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, std.Close()) })

	var told []tenant.Transaction
	o := &tenant.DBOptions{Observe: func(_ context.Context, tx tenant.Transaction) { told = append(told, tx) }}
	onPool, err := tenantpgx.New(pool, o)
	require.NoError(t, err)
	onStd, err := tenantpgx.Stdlib(std, o)
	require.NoError(t, err)
	id, err := tenant.ParseSlug("acme")
	require.NoError(t, err)
	ctx := tenant.NewContext(t.Context(), id)
	for _, db := range []*tenantpgx.DB{onPool, onStd} {
		told = nil
		rows, err := db.Query(ctx, `SELECT 1`)
		require.ErrorIs(t, err, tenant.ErrUnscoped)
		require.False(t, rows.Next())
		require.ErrorIs(t, rows.Err(), tenant.ErrUnscoped)
		require.ErrorIs(t, rows.Scan(), tenant.ErrUnscoped)
		_, err = rows.Values()
		require.ErrorIs(t, err, tenant.ErrUnscoped)
		rows.Close()
		require.ErrorIs(t, db.QueryRow(t.Context(), `SELECT :tenant`).Scan(), tenant.ErrNoTenant)
		require.Empty(t, told)

		for i, err := range []error{
			db.QueryRow(ctx, `SELECT :tenant`).Scan(),
			db.Tx(ctx, nil),
			db.SubjectTx(ctx, "ann", nil),
		} {
			require.ErrorContains(t, err, "127.0.0.1:1")
			require.Equal(t, err, told[i].Err)
		}
	}
}
