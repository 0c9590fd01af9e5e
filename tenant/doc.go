// Package tenant carries the tenant through a request and refuses SQL that
// forgets it.
//
// A tenant is whose data it is: an organization, a workspace, an account. A request
// claims one, a [Membership] judges the claim, [Middleware] puts the tenant's [ID]
// into the context, and whatever works on data takes it from there and fails
// without one.
//
//	membership := func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
//		id, err := tenant.ParseSlug(claimed)
//		if err == nil && !members[caller(ctx)][id] { // in real life a query
//			err = tenant.ErrNotMember
//		}
//		return ctx, id, err // ctx may carry the role, so that it is looked up once
//	}
//	gate := tenant.Middleware(tenant.FromPath("org"), membership, nil)
//	mux.Handle("GET /orgs/{org}/report", gate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//		key, err := tenant.Key(r.Context(), "reports", "2026.pdf")
//		fmt.Fprintln(w, key, err)
//	})))
//
// # Finding the tenant
//
// A [Resolver] says what a request claims: [FromHeader], [FromSubdomain],
// [FromPath], [FromClaim], or a function of yours; [First] and [Agree] join
// several. Two sources, or two values of one, that differ are a conflict and never
// a choice. The application's Membership then says whether the person, who was
// authenticated before, belongs there. It is a required argument: a middleware that
// believed a header would be none.
//
// The answer to an unknown tenant, to a malformed id and to a stranger is one and
// the same 404. 400 says that the request names no tenant or several, 503 that
// nothing could be found out. [Membership.Enter] does the same for callers without
// HTTP.
//
// # The context
//
// A context has one tenant. [NewContext] with a second one does not replace it: the
// context is poisoned, and [FromContext] fails in it and in all that are made from
// it. On purpose, and seen by an observer, a [Crosser] changes the tenant, for
// those who were handed one. What Enter, [Crosser.Switch] and [Extract] return with
// an error is a context without a tenant, so that an overlooked error reads
// nothing.
//
// [Inject] and [Extract] take the tenant to a background job; [Key] makes keys for
// caches and object stores that begin with it.
//
// # SQL
//
// [DB] wraps a [database/sql.DB]. [DB.Tx] runs a function in a transaction of the
// context's tenant, and repositories take its [Tx]; a plain *sql.DB does not
// compile in its place.
//
//	db, err := tenant.NewDB(pool, tenant.Postgres, nil)
//	…
//	err = db.Tx(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
//		_, err := tx.Exec(ctx, `UPDATE orders SET paid = true WHERE tenant_id = :tenant AND id = $1`, order)
//		return err
//	})
//
// Two guards stand one behind the other. Statements are constants that say :tenant
// where the id belongs; one without it is refused with [ErrUnscoped] before
// anything is sent, on every database. With PostgreSQL, app.tenant_id is set for
// the transaction too, and the policies made by package [rls] read it, so that what
// a statement gets wrong touches no other tenant's rows. SQLite has no policies:
// [DBOptions.Tables] names the tenant tables, and each mention of one needs its
// :tenant.
//
// [Tx.Unscoped] runs SQL without :tenant, for generated code and the packages of
// this module, and names its reason; there the policies are the guard.
// [DB.SubjectTx] reads what belongs to a person and not to a tenant, as the list of
// that person's organizations. The module [tenantpgx] runs one statement with its
// tenant in one round trip, on pgx.
//
// # What it does not do
//
// It authenticates nobody and knows no roles. It reads no SQL beyond finding
// :tenant: a statement that compares :tenant with itself says :tenant. It does not
// stop SQL injection, and neither does row level security, whose settings any
// statement can set: what it stops is forgetting. The policies and their check at
// start-up are in [rls], and [tenanttest] proves in a test that a schema has no
// gaps.
//
// [rls]: https://pkg.go.dev/github.com/rowhouse-go/rowhouse/tenant/rls
// [tenanttest]: https://pkg.go.dev/github.com/rowhouse-go/rowhouse/tenant/tenanttest
// [tenantpgx]: https://pkg.go.dev/github.com/rowhouse-go/rowhouse/tenant/tenantpgx
package tenant
