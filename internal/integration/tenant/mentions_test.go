package tenant_test

import (
	"database/sql"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// SQLite itself says how often a statement opens a table: a statement with one
// :tenant opens a tenant table once, however it spells its name and wherever it
// puts it.
func TestSQLiteMentions(t *testing.T) {
	t.Parallel()
	pool := newSQLite(t)
	_, err := pool.ExecContext(t.Context(), `CREATE TABLE single (id INTEGER)`)
	require.NoError(t, err)
	statements, err := tenant.NewStatements(tenant.SQLite, "single")
	require.NoError(t, err)

	heads := []string{
		"SELECT :tenant,", "SELECT :tenant FROM ", "SELECT 1 IN ", "UPDATE OR IGNORE ", "DELETE FROM ", "INSERT OR REPLACE INTO ",
		"SELECT :tenant FROM orders WHERE id IN ",
	}
	names := []string{"single", "'single'", `"single"`, "[single]", "`Single`", "main.single", "main.'single'", "'Single'"}
	pieces := append([]string{
		",", "(", ")", " JOIN ", " CROSS JOIN ", " NATURAL JOIN ", " IN ", " NOT IN ", " FROM ", "(SELECT 1 FROM ", " UNION SELECT 1 IN ",
		" UNION ALL SELECT * FROM ", " AS x", "/**/", "--\n", "=", "||", "'x'", " WHERE ", "id",
	}, names...)
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	once := 0
	for range 15_000 {
		text := pick(heads)
		switch {
		case strings.HasPrefix(text, "SELECT 1"):
			text += pick(names) + ", :tenant"
		case strings.HasPrefix(text, "UPDATE"):
			text += pick(names) + " SET id = :tenant WHERE 1 IN "
		case strings.HasPrefix(text, "INSERT"):
			text += pick(names) + " SELECT :tenant FROM "
		}
		for range 1 + random.IntN(5) {
			text += pick(pieces)
		}
		bound, args, err := statements.Bind(text, orgID(t, 0), nil)
		if err != nil {
			continue
		}
		n, err := opened(t, pool, bound, args)
		if err != nil {
			continue // not SQL
		}
		require.LessOrEqual(t, n, 1, text)
		once += n
	}
	require.Greater(t, once, 100, "enough of it is SQL that opens the table")
}

// opened returns how often a statement opens the table single.
func opened(t *testing.T, pool *sql.DB, text string, args []any) (n int, err error) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "EXPLAIN "+text, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var root int
	require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT rootpage FROM sqlite_schema WHERE name = 'single'`).Scan(&root))
	for rows.Next() {
		var opcode string
		var p2 int
		require.NoError(t, rows.Scan(new(any), &opcode, new(any), &p2, new(any), new(any), new(any), new(any)))
		if (opcode == "OpenRead" || opcode == "OpenWrite") && p2 == root {
			n++
		}
	}
	return n, rows.Err()
}
