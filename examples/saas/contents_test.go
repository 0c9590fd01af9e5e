package main

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// What tests do behind the service's back.

// contents is every row of every table, for tests that nothing changed.
func (s *running) contents() string {
	s.t.Helper()
	if s.app.db.dialect == tenant.Postgres {
		db := asSuperuser(s.t, s.app.config.DatabaseURL)
		defer db.Close()
		return contents(s.t, db, "rowhouse.")
	}
	return contents(s.t, s.app.db.reader, "rowhouse_")
}

func contents(t *testing.T, db *sql.DB, prefix string) string {
	t.Helper()
	var all strings.Builder
	for _, table := range []string{"organizations", "announcements", "organization_tombstones", prefix + "members", prefix + "member_invitations"} {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY 1, 2")
		require.NoError(t, err)
		names, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = &values[i]
			}
			require.NoError(t, rows.Scan(values...))
			fmt.Fprintf(&all, "%s: %v\n", table, values)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return all.String()
}

// all runs a statement over all organizations, with the tables' names as SQLite has
// them.
func (s *running) all(text string) {
	s.t.Helper()
	db := s.app.db.writer
	if s.app.db.dialect == tenant.Postgres {
		db = asSuperuser(s.t, s.app.config.DatabaseURL)
		defer db.Close()
		text = strings.ReplaceAll(text, "rowhouse_", "rowhouse.")
	}
	_, err := db.ExecContext(s.t.Context(), text)
	require.NoError(s.t, err)
}
