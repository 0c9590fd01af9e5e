package tenantpgx

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// CopyIn inserts rows into a table in bulk and returns their number. columns names
// what each row of src holds, without the tenant's column: each row gets the
// tenant of the transaction. src is read to its end while the connection is in use,
// so it must not use the transaction.
//
// PostgreSQL refuses COPY FROM on a table with row level security. So the rows are
// copied into a temporary table, dropped at the end of the transaction, and
// inserted from there under the table's policies, constraints and triggers. The
// login needs TEMPORARY on the database, INSERT on the table and SELECT on the
// columns. It costs three round trips however many rows there are, and one more the
// first time on a connection.
//
// As with [pgx.Conn.CopyFrom], each type has to be one that pgx knows in binary
// form, and a connection remembers the types of the columns: close the pool's
// connections when a migration has changed one.
func (t *Tx) CopyIn(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	if err := sameTenant(ctx, t.tenant); err != nil {
		return 0, err
	}
	switch {
	case len(table) == 0 || slices.Contains(table, ""):
		return 0, errors.New("tenantpgx: copy in: no table")
	case len(columns) == 0 || slices.Contains(columns, ""):
		return 0, errors.New("tenantpgx: copy in: no columns")
	case slices.Contains(columns, t.db.column):
		return 0, fmt.Errorf("tenantpgx: copy in: %s is not among the columns to copy: it is the transaction's tenant", t.db.column)
	}
	target := table.Sanitize()
	n, err := t.copyIn(ctx, target, columns, src)
	if err != nil {
		return 0, fmt.Errorf("tenantpgx: copy in: %s: %w", target, err)
	}
	return n, nil
}

func (t *Tx) copyIn(ctx context.Context, target string, columns []string, src pgx.CopyFromSource) (int64, error) {
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = pgx.Identifier{column}.Sanitize()
	}
	list := strings.Join(quoted, ", ")

	// pgx keeps the types that it found behind a name: one name, one shape.
	shape := sha256.Sum256([]byte(target + "(" + list))
	t.copies++
	name := fmt.Sprintf("rowhouse_copy_%x_%d", shape[:8], t.copies)
	temporary := pgx.Identifier{"pg_temp", name}

	// Not worth preparing: both are parsed anew when the temporary table is.
	const mode = pgx.QueryExecModeExec
	if _, err := t.tx.Exec(ctx, "CREATE TEMPORARY TABLE "+temporary.Sanitize()+" ON COMMIT DROP AS SELECT "+list+
		" FROM "+target+" WITH NO DATA", mode); err != nil {
		return 0, err
	}
	if _, err := t.tx.CopyFrom(ctx, temporary, columns, src); err != nil {
		return 0, err
	}
	tag, err := t.tx.Exec(ctx, "INSERT INTO "+target+" ("+pgx.Identifier{t.db.column}.Sanitize()+", "+list+
		") SELECT $1, "+list+" FROM "+temporary.Sanitize(), mode, t.tenant.String())
	return tag.RowsAffected(), err
}
