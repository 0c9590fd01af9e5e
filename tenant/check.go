package tenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// Check compares [DBOptions.Tables] with the schema of an SQLite database: each
// table and view that has the tenant column is listed, each one listed has it, and
// no view without it reads one that is listed. It reports every difference at once.
// Call it when the program starts, after migrating. Copies of tenants' rows without
// the column, as an FTS5 table may hold, it does not find. With PostgreSQL it does
// nothing: the Check of package rls asks for the policies themselves.
func (d *DB) Check(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil
	}
	rows, err := d.db.QueryContext(ctx, `SELECT m.name, m.sql, m.type = 'view',
		EXISTS (SELECT 1 FROM pragma_table_xinfo(m.name) c WHERE c.name = ? COLLATE NOCASE)
		FROM sqlite_schema m WHERE m.type IN ('table', 'view') ORDER BY m.name`, d.column)
	if err != nil {
		return fmt.Errorf("tenant: check: %w", err)
	}
	defer rows.Close()
	listed := make([]string, len(d.tables))
	for i, table := range d.tables {
		listed[i] = lowerASCII(table)
	}
	var found []string
	var faults []error
	for rows.Next() {
		var name string
		var definition sql.NullString
		var view, has bool
		if err := rows.Scan(&name, &definition, &view, &has); err != nil {
			return fmt.Errorf("tenant: check: %w", err)
		}
		if !has {
			if view && d.statements.mayRead(definition.String) {
				faults = append(faults, fmt.Errorf("tenant: view %q reads a tenant table and lacks the column %s", name, d.column))
			}
			continue
		}
		found = append(found, lowerASCII(name))
		if !slices.Contains(listed, lowerASCII(name)) {
			faults = append(faults, fmt.Errorf("tenant: DBOptions.Tables lacks %q, which has the column %s", name, d.column))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("tenant: check: %w", err)
	}
	for i, table := range d.tables {
		if !slices.Contains(found, listed[i]) {
			faults = append(faults, fmt.Errorf("tenant: DBOptions.Tables: no table %q with the column %s", table, d.column))
		}
	}
	return errors.Join(faults...)
}

// mayRead reports whether a view's definition names a listed table, or can't be
// read.
func (s *Statements) mayRead(definition string) bool {
	l := lexer{text: definition, tables: &s.tables}
	err := l.read(s.dialect)
	return err != nil || l.mentions > 0
}
