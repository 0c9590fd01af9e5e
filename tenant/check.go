package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Check compares [DBOptions.Tables] with the schema of an SQLite database: each
// table and view that has the tenant column is listed, and each one listed has it.
// It reports every difference at once. Call it when the program starts, after
// migrating. With PostgreSQL it does nothing: the Check of package rls asks for
// the policies themselves.
func (d *DB) Check(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil
	}
	rows, err := d.db.QueryContext(ctx, `SELECT m.name FROM sqlite_schema m
		WHERE m.type IN ('table', 'view')
		AND EXISTS (SELECT 1 FROM pragma_table_xinfo(m.name) c WHERE c.name = ? COLLATE NOCASE)
		ORDER BY m.name`, d.column)
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
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("tenant: check: %w", err)
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
