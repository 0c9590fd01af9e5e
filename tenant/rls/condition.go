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
		tenant := "rowhouse_m." + quote(u.Column)
		if u.Type != c.typ {
			tenant += "::" + string(c.typ)
		}
		// An array and not IN (SELECT …): policies are not turned into joins, so
		// IN would read every row, where = ANY (array) uses the index.
		// The alias is no table's name: the server would deparse it as another.
		return fmt.Sprintf("%s = ANY (ARRAY(SELECT %s FROM %s AS rowhouse_m WHERE rowhouse_m.%s = (SELECT %s)))",
			quote(c.column), tenant, u.quoted(), quote(u.Subject), value(c.setting, Text))
	}
	return fmt.Sprintf("%s = (SELECT %s)", quote(c.column), value(c.setting, c.typ))
}

// names are the names of a live table and its columns as the server writes them in
// expressions, quoted where its own list of keywords says so.
type names struct {
	table   string
	columns map[string]string // by their plain names
}

// deparsed returns what pg_get_expr returns for sql, with single spaces. The form
// is the same from PostgreSQL 13 on: every cast is written out, and the subselect's
// column has the name that its expression suggests.
func (c condition) deparsed(own, through names) string {
	switch u := c.through; {
	case c.column == "":
		return "true"
	case u != nil:
		column := through.columns[u.Column]
		tenant := "rowhouse_m." + column
		if u.Type != c.typ {
			tenant = fmt.Sprintf("(%s)::%s AS %s", tenant, c.typ, column)
		}
		return fmt.Sprintf("(%s = ANY (ARRAY( SELECT %s FROM %s rowhouse_m WHERE (rowhouse_m.%s = ( SELECT %s AS \"nullif\")))))",
			own.columns[c.column], tenant, through.table, through.columns[u.Subject], deparsedValue(c.setting, Text))
	}
	return fmt.Sprintf("(%s = ( SELECT %s AS \"nullif\"))", own.columns[c.column], deparsedValue(c.setting, c.typ))
}

// deparsedValue is to value what deparsed is to sql.
func deparsedValue(setting string, typ Type) string {
	v := fmt.Sprintf("NULLIF(current_setting('%s'::text, true), ''::text)", setting)
	if typ != Text {
		v = fmt.Sprintf("(%s)::%s", v, typ)
	}
	return v
}
