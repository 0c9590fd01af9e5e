package rls_test

import "github.com/rowhouse-go/rowhouse/tenant/rls"

// everyKind has a table of every kind, and names that need quoting.
func everyKind() rls.Options {
	members := rls.Table{
		Schema: "rowhouse", Name: "members", Kind: rls.Directory,
		Column: "org", Type: rls.Text, Subject: "subject",
	}
	return rls.Options{App: "app", Worker: "worker", Tables: []rls.Table{
		{Name: "projects"},
		{Name: "entries", Grants: []rls.Privilege{rls.Insert, rls.Select}},
		{Schema: `Odd "Schema"`, Name: `Weird "Table"; --`, Column: "größe", Type: rls.Text},
		members,
		{Name: "organizations", Kind: rls.Directory, Column: "id", Through: &members},
		{Schema: "rowhouse", Name: "member_invitations", Kind: rls.Directory, Column: "org", Type: rls.Text},
		{Schema: "rowhouse", Name: "outbox", Kind: rls.Library, Type: rls.Text, Grants: []rls.Privilege{rls.Insert}},
	}}
}
