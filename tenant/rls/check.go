package rls

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrUnsafe is matched by what [Check] and [CheckWorker] find, and by no failure to
// look.
var ErrUnsafe = errors.New("rls: not isolated")

// Check is for the start of a program that serves requests: it returns nil if the
// login of db is bound by the policies and all of them are there. Otherwise the
// error joins every problem, each naming the object and what mends it, and matches
// [ErrUnsafe]. It executes no DDL, works on a read-only replica, and looks at one
// connection.
//
// The problems are: the login does not have App's privileges. The login, or a role
// it is or can become a member of, is a superuser, has BYPASSRLS, CREATEROLE or
// REPLICATION, is Worker, is one of the predefined roles that reach the server's
// files or one that administers a managed server (rds_superuser and the like), or
// owns the database, or a schema, table, view, sequence or function in it. A setting
// has a default for a role or the database, or already a value outside of a
// transaction, or row_security is off. What [Diff] finds is different, other than
// indexes. The login, or a role in its reach, may TRUNCATE a protected table, or has
// REFERENCES or TRIGGER on it or a column. A table that is not in [Options.Tables]
// has a column named [Options.Column], the login has a privilege on it, and it is
// without row level security, FORCE or a floor.
func Check(ctx context.Context, db Querier, o Options) error {
	o, err := o.resolve()
	if err != nil {
		return err
	}
	return o.check(ctx, db, o.App)
}

// CheckWorker is for the start of a program that works through the library tables:
// like [Check], for Worker's login. It returns an error as well if a policy could
// hide rows of a library table from it, for a relay that reads nothing reports
// nothing.
func CheckWorker(ctx context.Context, db Querier, o Options) error {
	o, err := o.resolve()
	if err != nil {
		return err
	}
	if o.Worker == "" {
		return errors.New("rls: Options.Worker: is empty")
	}
	return o.check(ctx, db, o.Worker)
}

// check returns the problems of a login that should have the privileges of role.
func (o Options) check(ctx context.Context, db Querier, role string) error {
	var problems []error
	for _, look := range []func(context.Context, Querier, string) ([]finding, error){
		o.checkLogin, o.checkTables, o.checkOthers,
	} {
		findings, err := look(ctx, db, role)
		if err != nil {
			return err
		}
		for _, f := range findings {
			problems = append(problems, f)
		}
	}
	return errors.Join(problems...)
}

// checkLogin returns what is wrong with the login and its session.
func (o Options) checkLogin(ctx context.Context, db Querier, role string) ([]finding, error) {
	forbidden := "" // the role whose privileges the login must not have
	if role == o.App {
		forbidden = o.Worker
	}
	return query(ctx, db, scanFinding, loginQuery, role, forbidden, o.Setting, o.SubjectSetting)
}

// checkTables returns where the tables of o are not as they should be.
func (o Options) checkTables(ctx context.Context, db Querier, role string) ([]finding, error) {
	findings, tables, err := o.compare(ctx, db)
	if err != nil {
		return nil, err
	}
	findings = slices.DeleteFunc(findings, func(f finding) bool { return f.speed })
	if role != o.Worker {
		return findings, nil
	}
	for i, t := range o.Tables {
		for _, p := range tables[i].Policies {
			if t.Kind == Library && !p.Permissive && p.Binding {
				findings = append(findings, finding{
					object: "table " + t.quoted(), detail: "hides rows from " + quote(o.Worker) + " by the policy " + quote(p.Name),
					mend: []string{dropPolicy(t, p.Name)},
				})
			}
		}
	}
	return findings, nil
}

// checkOthers returns what lies beside the tables of o and their grants: privileges
// that pass the policies by, and tables with a tenant column that nothing protects.
func (o Options) checkOthers(ctx context.Context, db Querier, _ string) ([]finding, error) {
	declared := [][2]string{}
	for _, t := range o.Tables {
		declared = append(declared, [2]string{t.Schema, t.Name})
	}
	arg, err := json.Marshal(declared)
	if err != nil {
		return nil, fmt.Errorf("rls: %w", err) // unreachable: strings
	}
	findings, err := query(ctx, db, scanFinding, bypassQuery, string(arg), o.App, o.Worker)
	if err != nil {
		return nil, err
	}
	tables, err := query(ctx, db, func(rows *sql.Rows) (t Table, err error) {
		err = rows.Scan(&t.Schema, &t.Name, &t.Column, &t.Type)
		return t, err
	}, undeclaredQuery, o.Column, string(arg))
	if err != nil {
		return nil, err
	}
	found, err := readTables(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	for i, t := range tables {
		if !found[i].floored(o, t) {
			findings = append(findings, finding{
				object: "table " + t.quoted(), detail: "has the tenant column and no row level security with FORCE and a floor",
				remedy: "add it to Options.Tables and apply Diff, or REVOKE what the login may do with it",
			})
		}
	}
	return findings, nil
}

// floored reports whether a restrictive policy binds everybody to one tenant.
func (l live) floored(o Options, t Table) bool {
	t.Kind = Tenant
	floor := o.policies(t)[0]
	return l.Enabled && l.Forced && slices.ContainsFunc(l.Policies, func(p livePolicy) bool {
		return p.is(floor, l.names(t), names{})
	})
}

func scanFinding(rows *sql.Rows) (f finding, err error) {
	err = rows.Scan(&f.object, &f.detail, &f.remedy)
	return f, err
}
