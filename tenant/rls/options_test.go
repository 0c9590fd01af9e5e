package rls_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// Every fault is named at once, with its field.
func TestFaults(t *testing.T) {
	t.Parallel()
	_, err := rls.Up(rls.Options{})
	require.EqualError(t, err, "rls: Options.App: is empty\nrls: Options.Tables: is empty")

	outside := rls.Table{Name: "outside", Kind: rls.Directory, Subject: "s"}
	members := rls.Table{Name: "members", Kind: rls.Directory, Subject: "s", Grants: []rls.Privilege{rls.Insert}}
	other := members
	other.Subject = "user_id"
	loop := rls.Table{Name: "loop", Kind: rls.Directory}
	loop.Through = &loop
	_, err = rls.Down(rls.Options{
		App: "public", Worker: "pg_monitor", Setting: "tenant", SubjectSetting: "tenant",
		Column: "a\x00b", Type: "int",
		Tables: []rls.Table{
			{Name: strings.Repeat("ü", 32)},
			{Schema: "\xff", Column: "c", Type: rls.Text},
			{Name: "a", Kind: "shared", Column: "c", Type: "bigint"},
			{Name: "b", Column: "c", Type: rls.Text, Subject: "s", Through: &members},
			{Name: "b", Column: "c", Type: rls.Text, Grants: []rls.Privilege{rls.Select, "TRUNCATE", rls.Select}},
			{Name: "d", Kind: rls.Directory, Column: "c", Type: rls.Text, Subject: "s", Through: &members},
			{Name: "e", Kind: rls.Directory, Column: "c", Type: rls.Text, Through: &rls.Table{Name: "projects"}},
			{Name: "f", Kind: rls.Directory, Column: "c", Type: rls.Text, Through: &outside},
			{Name: "g", Kind: rls.Directory, Column: "c", Type: rls.Text, Through: &other},
			{Name: "h", Kind: rls.Directory, Column: "c", Type: rls.Text, Through: &members},
			loop,
			members,
		},
	})
	require.Equal(t, []string{
		`App: "public" is reserved`,
		`Worker: "pg_monitor" is reserved`,
		`Setting: "tenant" is not of the form app.tenant_id: two parts of a-z, 0-9 and _, at most 63 bytes`,
		`SubjectSetting: "tenant" is not of the form app.tenant_id: two parts of a-z, 0-9 and _, at most 63 bytes`,
		`SubjectSetting: is Setting: a person would pass for a tenant`,
		`Column: holds a NUL`,
		`Type: "int" is neither uuid nor text`,
		`Tables[0].Name: has 64 bytes, more than 63`,
		`Tables[0].Column: holds a NUL`,
		`Tables[0].Type: "int" is neither uuid nor text`,
		`Tables[1].Schema: is not UTF-8`,
		`Tables[1].Name: is empty`,
		`Tables[2].Type: "bigint" is neither uuid nor text`,
		`Tables[2].Kind: "shared" is none`,
		`Tables[3].Subject: is for directory tables`,
		`Tables[3].Through: is for directory tables`,
		`Tables[4]: is there twice`,
		`Tables[4].Grants: "TRUNCATE" is unknown or there twice`,
		`Tables[4].Grants: "SELECT" is unknown or there twice`,
		`Tables[5].Through: stands beside Subject`,
		`Tables[6].Through: is no directory table with a Subject`,
		`Tables[7].Through: is not in Tables`,
		`Tables[8].Through: differs from Tables[11]`,
		`Tables[9].Through: can't be read by App: the policy reads it as App`,
		`Tables[10].Column: holds a NUL`,
		`Tables[10].Type: "int" is neither uuid nor text`,
		`Tables[10].Through: is no directory table with a Subject`,
		`Tables[11].Column: holds a NUL`,
		`Tables[11].Type: "int" is neither uuid nor text`,
	}, strings.Split(strings.ReplaceAll(err.Error(), "rls: Options.", ""), "\n"))
}

func TestRoles(t *testing.T) {
	t.Parallel()
	library := []rls.Table{{Name: "outbox", Kind: rls.Library}}
	for _, c := range []struct {
		options rls.Options
		want    string
	}{
		{rls.Options{App: "app", Tables: library}, "rls: Options.Worker: is empty"},
		{rls.Options{App: "app", Worker: "app", Tables: library}, "rls: Options.Worker: is App: it would see the rows of all tenants"},
		{rls.Options{App: "none", Worker: "worker", Tables: library}, `rls: Options.App: "none" is reserved`},
	} {
		_, err := rls.Up(c.options)
		require.EqualError(t, err, c.want)
		_, err = rls.Diff(t.Context(), nil, c.options)
		require.EqualError(t, err, c.want)
		require.EqualError(t, rls.Check(t.Context(), nil, c.options), c.want)
		require.EqualError(t, rls.CheckWorker(t.Context(), nil, c.options), c.want)
	}
	require.EqualError(t, rls.CheckWorker(t.Context(), nil, rls.Options{App: "app", Tables: []rls.Table{{Name: "a"}}}),
		"rls: Options.Worker: is empty")
}

// Options are read, never written: the same variable serves many goroutines.
func TestOptionsStay(t *testing.T) {
	t.Parallel()
	o := everyKind()
	_, err := rls.Up(o)
	require.NoError(t, err)
	require.Equal(t, everyKind(), o)
}
