package tenanttest

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// Prove reports each of the [Findings] as an error of the test, and why there are
// none if they can't be had. db is a pool of connections of the application's
// login.
func Prove(t testing.TB, db *sql.DB, o Options) {
	t.Helper()
	findings, err := Findings(t.Context(), db, o)
	if err != nil {
		t.Error(err)
	}
	for _, f := range findings {
		t.Errorf("tenanttest: %v", f)
	}
}

// lockTimeout bounds the wait for one table that somebody else has locked, and
// statementTimeout everything else, in milliseconds.
const (
	lockTimeout      = "2000"
	statementTimeout = "60000"
)

// Findings returns what is wrong with the schema that db connects to, ordered by
// object and rule; none if it isolates its tenants. It works as the login of db,
// which has to be the application's, on one connection, in one transaction that it
// rolls back; what triggers do outside of transactions is all that it can leave.
//
// The error says why the schema can't be judged: options at fault, a login that is
// not (a member of) Options.RLS.App or may not create temporary tables, a table
// that stays locked for two seconds, a statement that takes a minute, the server's
// own errors. With an error there are no findings.
func Findings(ctx context.Context, db *sql.DB, o Options) ([]Finding, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("tenanttest: %w", err)
	}
	findings, err := prove(ctx, tx, o)
	if err := errors.Join(err, tx.Rollback()); err != nil {
		return nil, err
	}
	return findings, nil
}

// A proof is the state of one call of Findings.
type proof struct {
	o     Options
	rls   rls.Options // with the defaults, without the tables
	c     *catalog
	found []Finding

	declared map[int64]rls.Table // the tables of o.RLS, by oid
	tables   []*table            // with a tenant column
	children []*table            // partitions of such, and what inherits from them
}

func prove(ctx context.Context, tx *sql.Tx, o Options) ([]Finding, error) {
	var login string
	err := tx.QueryRowContext(ctx, `SELECT current_user FROM pg_catalog.set_config('search_path', 'pg_catalog', true) a,
		pg_catalog.set_config('lock_timeout', $1::text, true) b, pg_catalog.set_config('statement_timeout', $2::text, true) c`,
		lockTimeout, statementTimeout).Scan(&login)
	if err != nil {
		return nil, fmt.Errorf("tenanttest: %w", err)
	}
	o.RLS.App = cmp.Or(o.RLS.App, login)
	o.RLS.Setting = cmp.Or(o.RLS.Setting, "app.tenant_id")
	o.RLS.SubjectSetting = cmp.Or(o.RLS.SubjectSetting, "app.subject")
	o.RLS.Column = cmp.Or(o.RLS.Column, "tenant_id")
	o.RLS.Type = cmp.Or(o.RLS.Type, rls.UUID)
	p := &proof{o: o, rls: o.RLS}
	p.rls.Tables = nil
	if len(o.RLS.Tables) > 0 {
		if _, err := rls.Up(o.RLS); err != nil {
			return nil, fmt.Errorf("tenanttest: Options.RLS: %w", err)
		}
	}
	if p.c, err = load(ctx, tx, o); err != nil {
		return nil, err
	}
	if p.c.Login.Superuser {
		p.superuser()
		return p.found, nil
	}
	if err := p.member(); err != nil {
		return nil, err
	}
	p.roles()
	p.discover()
	specs := make([]rls.Table, 0, len(p.tables)+len(p.children))
	for _, t := range slices.Concat(p.tables, p.children) {
		specs = append(specs, t.spec)
	}
	canon, err := canonicals(ctx, tx, p.rls, specs)
	if err != nil {
		return nil, err
	}
	for _, t := range p.tables {
		t.canonical = canon[shapeOf(t.spec)]
		p.found = append(p.found, p.table(t)...)
	}
	for _, t := range p.children {
		t.canonical = canon[shapeOf(t.spec)]
		p.child(t)
	}
	p.others()
	p.views()
	p.functions()
	p.foreignKeys()
	p.uniqueKeys()
	if !o.CatalogOnly && !slices.ContainsFunc(p.found, func(f Finding) bool { return f.Rule == RoleBypass }) {
		probed, err := p.probe(ctx, tx)
		if err != nil {
			return nil, err
		}
		p.explain(probed)
	}
	p.exempt()
	slices.SortStableFunc(p.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Rule, b.Rule))
	})
	return p.found, nil
}

func (p *proof) find(r Rule, object, fix, detail string, args ...any) {
	p.found = append(p.found, Finding{Rule: r, Object: object, Fix: fix, Detail: fmt.Sprintf(detail, args...)})
}
