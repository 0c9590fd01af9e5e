package tenant_test

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// acme is the tenant of the tests of statements and transactions.
const acme = "0192f0c1-2345-7000-8000-00000000acee"

func acmeID(t testing.TB) tenant.ID {
	t.Helper()
	id, err := tenant.ParseID(acme)
	require.NoError(t, err)
	return id
}

func statements(t testing.TB, d tenant.Dialect, tables ...string) *tenant.Statements {
	t.Helper()
	s, err := tenant.NewStatements(d, tables...)
	require.NoError(t, err)
	return s
}

const (
	pg   = tenant.Postgres
	lite = tenant.SQLite
	both = tenant.Dialect("")
)

func dialects(d tenant.Dialect) []tenant.Dialect {
	if d == both {
		return []tenant.Dialect{pg, lite}
	}
	return []tenant.Dialect{d}
}

// Each X of text, all of them outside of strings and comments, is where :tenant is
// written and a placeholder comes out.
func TestBind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialect tenant.Dialect
		text    string
		place   string
		args    []any
		want    []any
	}{
		{pg, `SELECT 1 WHERE id = X`, "$1", nil, []any{acme}},
		{pg, `SELECT * FROM t WHERE a = X AND b = $1 AND c = X`, "$2", []any{"b"}, []any{"b", acme}},
		{pg, `SELECT $2, $1, $2, X`, "$3", []any{1, 2}, []any{1, 2, acme}},
		{pg, `SELECT X::text, a::tenant, (X)::uuid;`, "$1", nil, []any{acme}},
		{pg, `SELECT f(a:=X, tenant:=X) ; -- end`, "$1", nil, []any{acme}},
		{pg, `SELECT a[1:2], a[:tenants], a[x:tenant_id], X`, "$1", nil, []any{acme}},
		{pg, `SELECT ':tenant', 'it''s :tenant', '', X`, "$1", nil, []any{acme}},
		{pg, `SELECT 'C:\dir\\', X, 'C:\x'`, "$1", nil, []any{acme}},
		{pg, `SELECT E'it\'s :tenant\\', X, e'\'', e''''`, "$1", nil, []any{acme}},
		{pg, `SELECT U&'d\0061t :tenant' UESCAPE '!', X, U&"a:tenant", B'01', N'x:tenant'`, "$1", nil, []any{acme}},
		{pg, "SELECT 'a'\n' :tenant', X", "$1", nil, []any{acme}},
		{pg, "SELECT E'a'\n'b\\\\', X", "$1", nil, []any{acme}},
		{pg, `SELECT $$ :tenant ' $1 $a$ $$, $a$ $$ :tenant $b$ $a$, $é_1$ :tenant $é_1$, X`, "$1", nil, []any{acme}},
		{pg, `SELECT a$b$c, X, a$b$c`, "$1", nil, []any{acme}},
		{pg, `SELECT /* :tenant /* ' */ :tenant */ X /**/`, "$1", nil, []any{acme}},
		{pg, `SELECT /*/*/ :tenant */ */ X /***/`, "$1", nil, []any{acme}},
		{pg, "SELECT X -- :tenant\r, X --$9", "$1", nil, []any{acme}},
		{pg, `SELECT ":tenant", "a"":tenant", X, a-X, -X, a@>X`, "$1", nil, []any{acme}},
		{pg, `SELECT 1.5e3, .5, 0x1F, X`, "$1", nil, []any{acme}},
		{pg, `SELECT j ? 'a', j ?| k, @ -5, X`, "$1", nil, []any{acme}},

		{lite, `SELECT 1 WHERE id = X`, "?1", nil, []any{acme}},
		{lite, `SELECT ?2, ?1, X, X`, "?3", []any{1, 2}, []any{1, 2, acme}},
		{lite, `SELECT ?, X, ?, ?, X`, "?", []any{1, 2, 3}, []any{1, acme, 2, 3, acme}},
		{lite, `SELECT X, ?`, "?", []any{1}, []any{acme, 1}},
		{lite, `SELECT ':tenant ?', "?:tenant""", [:tenant ?], ` + "`:tenant``?`" + `, X`, "?1", nil, []any{acme}},
		{lite, `SELECT 'C:\', X`, "?1", nil, []any{acme}},
		{lite, `SELECT /* /* :tenant ? */ X, x'00' /* ' */ ;;`, "?1", nil, []any{acme}},
		{lite, "SELECT X -- :tenant\r, :tenant", "?1", nil, []any{acme}},
		{lite, `SELECT a$b, j->>'$.a', X`, "?1", nil, []any{acme}},
	} {
		text := strings.ReplaceAll(test.text, "X", ":tenant")
		s := statements(t, test.dialect)
		for range 3 { // read, remembered, known
			args := append([]any(nil), test.args...)
			got, bound, err := s.Bind(text, acmeID(t), args)
			require.NoError(t, err, text)
			require.Equal(t, strings.ReplaceAll(test.text, "X", test.place), got)
			require.Equal(t, test.want, bound, text)
			require.Equal(t, test.args, args)
		}
	}
}

// One text serves both databases if its placeholders are PostgreSQL's. What only
// looks like one stays as it is.
func TestBindNumbersWithDollars(t *testing.T) {
	t.Parallel()
	const text = `UPDATE t SET a = $2, b = '$1 $3', "$3" = $1 /* $3 */ WHERE tenant_id = :tenant AND a$1 = $2 AND c = :tenant`
	got, bound, err := statements(t, lite).Bind(text, acmeID(t), []any{1, 2})
	require.NoError(t, err)
	require.Equal(t, `UPDATE t SET a = ?2, b = '$1 $3', "$3" = ?1 /* $3 */ WHERE tenant_id = ?3 AND a$1 = ?2 AND c = ?3`, got)
	require.Equal(t, []any{1, 2, acme}, bound)

	got, bound, err = statements(t, pg).Bind(text, acmeID(t), []any{1, 2})
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(text, ":tenant", "$3"), got)
	require.Equal(t, []any{1, 2, acme}, bound)
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialect tenant.Dialect
		text    string
		args    []any
		is      error
		says    string
	}{
		{both, ``, nil, tenant.ErrUnscoped, "no :tenant"},
		{both, `SELECT * FROM orders`, nil, tenant.ErrUnscoped, `("SELECT * FROM orders")`},
		{both, `SELECT ':tenant'`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{both, `SELECT ":tenant"`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{both, `SELECT 1 -- :tenant`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{both, `SELECT 1 /* :tenant */`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{pg, `SELECT x::tenant`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{pg, `SELECT $$:tenant$$`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{pg, `SELECT E'\':tenant'`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{pg, `SELECT /* /* */ :tenant */ 1`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{pg, `SELECT a[1:tenant_id], a[1:tenant2], a[1:tenanté], a[1:tenant$1]`, nil, tenant.ErrUnscoped, "longer name"},
		{pg, `SELECT :TENANT, :Tenant`, nil, tenant.ErrUnscoped, "no :tenant"},
		{lite, "SELECT `:tenant`", nil, tenant.ErrUnscoped, "in a string, a comment"},
		{lite, `SELECT [:tenant]`, nil, tenant.ErrUnscoped, "in a string, a comment"},
		{lite, "SELECT 1 -- \r :tenant", nil, tenant.ErrUnscoped, "in a string, a comment"},

		{both, `SELECT :tenant, 'a`, nil, tenant.ErrStatement, "quote is not closed"},
		{both, `SELECT :tenant, 'a''`, nil, tenant.ErrStatement, "quote is not closed"},
		{both, `SELECT :tenant, "a`, nil, tenant.ErrStatement, "quote is not closed"},
		{both, `SELECT :tenant /* a`, nil, tenant.ErrStatement, "comment is not closed"},
		{both, `SELECT :tenant /*/`, nil, tenant.ErrStatement, "comment is not closed"},
		{pg, `SELECT :tenant /* /* */`, nil, tenant.ErrStatement, "comment is not closed"},
		{pg, `SELECT :tenant, E'a\'`, nil, tenant.ErrStatement, "quote is not closed"},
		{pg, `SELECT :tenant, $a$ $$`, nil, tenant.ErrStatement, "dollar quote is not closed"},
		{pg, `SELECT :tenant, $a $a$`, nil, tenant.ErrStatement, "$ without a number"},
		{pg, `SELECT :tenant, $`, nil, tenant.ErrStatement, "$ without a number"},
		{lite, "SELECT :tenant, `a", nil, tenant.ErrStatement, "quote is not closed"},
		{lite, `SELECT :tenant, [a`, nil, tenant.ErrStatement, "quote is not closed"},

		// With standard_conforming_strings off, the string would go on.
		{pg, `SELECT '\', :tenant, '\'`, nil, tenant.ErrStatement, `\' in a string`},
		{pg, `SELECT '\\\'', :tenant`, nil, tenant.ErrStatement, `\' in a string`},
		{pg, `SELECT 'a''\' || :tenant || '`, nil, tenant.ErrStatement, `\' in a string`},
		{pg, `SELECT nameE'\'', :tenant`, nil, tenant.ErrStatement, `\' in a string`},
		{pg, "SELECT E'a'\n'\\'', :tenant", nil, tenant.ErrStatement, `\' in a string`},

		{both, `SELECT :tenant; SELECT :tenant`, nil, tenant.ErrStatement, "several statements"},
		{both, `SELECT :tenant; DELETE FROM orders; --`, nil, tenant.ErrStatement, "several statements"},
		{both, `; SELECT :tenant`, nil, tenant.ErrStatement, "several statements"},
		{both, `SELECT :tenant; ''`, nil, tenant.ErrStatement, "several statements"},
		{both, "SELECT :tenant\x00", nil, tenant.ErrStatement, "NUL"},
		{both, "SELECT :tenant, '\x00'", nil, tenant.ErrStatement, "NUL"},
		{both, "SELECT :tenant, '\xff'", nil, tenant.ErrStatement, "UTF-8"},

		{both, `SELECT x:tenant`, nil, tenant.ErrStatement, "touches the name"},
		{both, `SELECT 1:tenant`, nil, tenant.ErrStatement, "touches the name"},
		{both, `SELECT :tenant:tenant`, nil, tenant.ErrStatement, "touches the name"},
		{both, `SELECT 1$a$ :tenant $a$`, nil, tenant.ErrStatement, "touches the $"},
		{pg, `SELECT $1:tenant`, []any{1}, tenant.ErrStatement, "touches the name"},
		{pg, `SELECT :tenant, $1a`, []any{1}, tenant.ErrStatement, "touches the name"},
		{pg, `SELECT :tenant, $1$a$ $a$`, []any{1}, tenant.ErrStatement, "touches the name"},
		{lite, `SELECT ?1:tenant`, []any{1}, tenant.ErrStatement, "touches the name"},
		{lite, "\ufeffSELECT :tenant", nil, tenant.ErrStatement, "byte order mark"},

		{lite, `SELECT :tenant, :name`, []any{1}, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant, @name`, []any{1}, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant, $name`, []any{1}, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant, $1a`, []any{1}, tenant.ErrStatement, "touches the name"},
		{lite, `SELECT :tenant, $1, ?`, []any{1}, tenant.ErrStatement, "with and without a number"},
		{lite, `SELECT :tenant, $40000`, []any{1}, tenant.ErrStatement, "too high"},
		{lite, `SELECT :tenant, $`, nil, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant, #1`, []any{1}, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant_id`, nil, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant::a`, nil, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant(a)`, nil, tenant.ErrStatement, "named parameter"},
		{lite, `SELECT :tenant, ?, ?1`, []any{1}, tenant.ErrStatement, "with and without a number"},
		{both, `SELECT :tenant`, []any{1}, tenant.ErrStatement, "1 arguments for 0 placeholders"},
		{pg, `SELECT :tenant, $1`, nil, tenant.ErrStatement, "0 arguments for 1 placeholders"},
		{pg, `SELECT :tenant, $1`, []any{1, "another tenant"}, tenant.ErrStatement, "2 arguments for 1 placeholders"},
		{pg, `SELECT :tenant, $2`, []any{1}, tenant.ErrStatement, "1 arguments for 2 placeholders"},
		{pg, `SELECT :tenant, '$1'`, []any{1}, tenant.ErrStatement, "1 arguments for 0 placeholders"},
		{pg, `SELECT :tenant, $65535`, nil, tenant.ErrStatement, "too high"},
		{pg, `SELECT :tenant, $99999999999999999999`, nil, tenant.ErrStatement, "too high"},
		{lite, `SELECT :tenant, ?32766`, nil, tenant.ErrStatement, "too high"},
		{lite, `SELECT :tenant, ?`, nil, tenant.ErrStatement, "0 arguments for 1 placeholders"},
		{lite, `SELECT :tenant, ?, ?`, []any{1, 2, 3}, tenant.ErrStatement, "3 arguments for 2 placeholders"},
		{pg, `SELECT :tenant, $1`, []any{sql.Named("tenant", 1)}, tenant.ErrStatement, "named argument"},
		{lite, `SELECT :tenant, ?`, []any{sql.Named("tenant", 1)}, tenant.ErrStatement, "named argument"},
	} {
		for _, d := range dialects(test.dialect) {
			got, bound, err := statements(t, d).Bind(test.text, acmeID(t), test.args)
			require.ErrorIs(t, err, test.is, "%s: %s", d, test.text)
			require.ErrorContains(t, err, test.says, "%s: %s", d, test.text)
			require.Empty(t, got)
			require.Nil(t, bound)
		}
	}
	_, _, err := statements(t, pg).Bind(`SELECT :tenant`, tenant.ID{}, nil)
	require.ErrorIs(t, err, tenant.ErrNoTenant)
}

func TestBindCountsTables(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialect  tenant.Dialect
		text     string
		mentions int
	}{
		{both, `SELECT * FROM orders`, 1},
		{both, `SELECT * FROM ORDERS`, 1},
		{both, `SELECT * FROM "Orders"`, 1},
		{lite, "SELECT * FROM [orders], `orders`", 2},
		{both, `SELECT * FROM main.orders, main . "orders"`, 2},
		{both, `SELECT orders.id, "orders".id, orders /* */ . id FROM orders`, 1},
		{both, `SELECT * FROM orders o JOIN lines l ON l.id = o.id`, 2},
		{both, `SELECT 1 FROM x WHERE x.orders_id = 1 AND reorders = 2 AND a = 'orders' -- orders`, 0},
		{both, `INSERT INTO orders (id) SELECT id FROM orders`, 2},
		{lite, `SELECT * FROM 'orders' JOIN 'lines' ON 1`, 2},
		{lite, `DELETE FROM main.'orders'`, 1},
		{lite, `SELECT * FROM x, 'orders', ('lines')`, 2},
		{lite, `SELECT (1, 2) IN 'orders', (1, 2) IN ( /* */ 'Lines')`, 2},
		{lite, `UPDATE OR IGNORE 'orders' SET a = 'lines', b = b || 'orders', c = c->'lines' || -- .
			'orders'`, 1},
		{pg, `SELECT 'orders', ('lines') FROM u & "orders", fu&"lines"`, 2},
		{pg, `SELECT * FROM ` + longName + `, ` + longName + `é, "` + longName + `xyz", ` + longName[1:], 3},
		{both, `SELECT * FROM "a""b", "a""B"`, 2},
		{lite, "SELECT * FROM [a\"b], `a\"b`", 2},
		{both, `SELECT * FROM orders;`, 1},
	} {
		for _, d := range dialects(test.dialect) {
			s := statements(t, d, "Orders", "lines", `a"b`, longName)
			for given := range test.mentions + 2 {
				text := strings.Repeat(":tenant ", given) + test.text
				_, _, err := s.Bind(text, acmeID(t), nil)
				if given >= max(1, test.mentions) {
					require.NoError(t, err, text)
				} else {
					require.ErrorIs(t, err, tenant.ErrUnscoped, text)
				}
			}
		}
	}
}

// longName is as long as PostgreSQL lets a name be. It cuts longer ones, before the
// character that the 64th byte belongs to.
var longName = strings.Repeat("x", 61) + "ü"

// PostgreSQL reads U&"\006frders" as orders.
func TestBindRefusesEscapedNames(t *testing.T) {
	t.Parallel()
	const text = `SELECT :tenant FROM u&"!006frders" UESCAPE '!'`
	_, _, err := statements(t, pg, "orders").Bind(text, acmeID(t), nil)
	require.ErrorIs(t, err, tenant.ErrStatement)
	require.ErrorContains(t, err, "escapes may spell a tenant table")
	_, _, err = statements(t, pg).Bind(text, acmeID(t), nil)
	require.NoError(t, err)
}

func TestNewStatementsRefuses(t *testing.T) {
	t.Parallel()
	_, err := tenant.NewStatements("mysql", "", "a.b", "a\x00", "orders", "Orders", strings.Repeat("x", 64))
	for _, fault := range []string{
		`unknown dialect "mysql"`, `"" is not`, `"a.b" is not`, `"a\x00" is not`, `"Orders" is listed twice`, `xxx" is not`,
	} {
		require.ErrorContains(t, err, fault)
	}
}

// The memory of texts is bounded, and a full one changes no answer.
func TestManyStatements(t *testing.T) {
	t.Parallel()
	s := statements(t, pg)
	for range 2 {
		for i := range 5000 {
			got, bound, err := s.Bind("SELECT "+strconv.Itoa(i)+", :tenant", acmeID(t), nil)
			require.NoError(t, err)
			require.Equal(t, "SELECT "+strconv.Itoa(i)+", $1", got)
			require.Equal(t, []any{acme}, bound)
		}
	}
}

func TestBindAllocations(t *testing.T) {
	id := acmeID(t)
	for _, d := range []tenant.Dialect{pg, lite} {
		s := statements(t, d, "orders")
		text, args := fmt.Sprintf("SELECT * FROM orders WHERE a = :tenant AND b = %s1", map[tenant.Dialect]string{pg: "$", lite: "?"}[d]), []any{1}
		allocs := testing.AllocsPerRun(100, func() { _, _, _ = s.Bind(text, id, args) })
		require.InDelta(t, 2, allocs, 0, "the arguments, and the tenant as one of them")
	}
}
