// Package tenantpgx is package tenant on pgx: the same statements, the same
// refusals, and a statement by itself costs the one round trip that it costs
// without a tenant.
//
//	db, err := tenantpgx.New(pool, nil) // or Stdlib(sqlDB, nil)
//	…
//	rows, err := db.Query(ctx, `SELECT id, title FROM documents WHERE tenant_id = :tenant`)
//	…
//	err = db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
//		_, err := tx.Exec(ctx, `DELETE FROM documents WHERE tenant_id = :tenant AND id = $1`, id)
//		return err
//	})
//
// # Round trips
//
// A one-shot ([DB.Query], [DB.QueryRow], [DB.Exec]) sends the setting that the row
// level security policies read and the statement in one [pgx.Batch]: one implicit
// transaction, one round trip. [DB.Tx] takes one for BEGIN with the setting and one
// for COMMIT. Package tenant, over database/sql, takes two and one, and so four for
// a one-shot.
//
// This is what it costs once a connection knows a statement. By default pgx
// prepares each statement first, once per connection and in a round trip more. The
// mode of the pool ([pgx.QueryExecMode]) decides:
//
//   - cache_statement, the default, and cache_describe: one more the first time;
//   - exec and simple_protocol: never more;
//   - describe_exec: always one more.
//
// A pool's own ping of a connection that was idle for a second comes on top.
//
// # Pools
//
// The setting belongs to the transaction and ends with it. Nothing is set when a
// connection is acquired, and nothing has to be reset when it is released, so a
// context that ends early can't leave a tenant behind, and PgBouncer in transaction
// mode may stand in between. pgx then needs default_query_exec_mode=cache_describe
// or exec: prepared statements of the default mode do not follow a client from one
// server connection to another.
//
// # What it does not do
//
// It does not make the policies: package tenant/rls does. SQL that a client can
// change, and statements that call set_config themselves, are not stopped by the
// setting or by :tenant.
package tenantpgx
