package rls

import "fmt"

// A condition is the expression of a policy. Its zero value is true for every
// row; otherwise it compares a column with the value of a setting.
//
// The comparison is col = (SELECT nullif(current_setting('s', true), ”)::type).
// The setting is ” and not NULL once a transaction has set it, hence nullif; the
// subselect is evaluated once for a statement, not once for a row, and keeps the
// planner's use of indexes; the column is never cast.
type condition struct {
	column  string
	typ     Type // of column
	setting string
	through *Table // col = any tenant of its rows whose Subject the setting names
}

// value returns the value of a setting as SQL.
func value(setting string, typ Type) string {
	v := fmt.Sprintf("nullif(current_setting('%s', true), '')", setting)
	if typ != Text {
		v += "::" + string(typ)
	}
	return v
}

func (c condition) sql() string {
	switch u := c.through; {
	case c.column == "":
		return "true"
	case u != nil:
		tenant := "m." + quote(u.Column)
		if u.Type != c.typ {
			tenant += "::" + string(c.typ)
		}
		// An array and not IN (SELECT …): policies are not turned into joins, so
		// IN would read every row, where = ANY (array) uses the index.
		return fmt.Sprintf("%s = ANY (ARRAY(SELECT %s FROM %s AS m WHERE m.%s = (SELECT %s)))",
			quote(c.column), tenant, u.quoted(), quote(u.Subject), value(c.setting, Text))
	}
	return fmt.Sprintf("%s = (SELECT %s)", quote(c.column), value(c.setting, c.typ))
}
