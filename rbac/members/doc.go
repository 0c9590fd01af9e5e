// Package members stores who belongs to which organization, and in what role.
//
// It works on database/sql with PostgreSQL or SQLite and imports no driver. Every
// change runs in a transaction of the caller's, so it commits or rolls back with
// what belongs to it (the new organization, the audit entry), and follows the
// same three steps: lock the rows of the owners and of the two people concerned,
// let [rbac.Policy.CheckChange] judge the roles as the lock returned them, write.
//
//	store, err := members.New(members.SQLite, rbac.DefaultPolicy(), nil)
//	…
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	defer tx.Rollback()
//	err = store.ChangeRole(ctx, tx, org, actor, subject, rbac.Admin)
//	if err != nil {
//		return err // rbac.ErrForbidden, rbac.ErrLastOwner, … or the database's
//	}
//	return tx.Commit()
//
//	role, err := store.Role(ctx, db, org, subject) // for rbac.Require; rbac.ErrNotMember
//
// # Guarantees
//
// Under any isolation level, and whatever runs at the same time: an organization
// that has members has an owner, and nobody acts with a role that was taken
// away. A change that waits for another one is judged by what the other one left.
// Counting the owners first, or locking only the organization's own row, gives
// neither: two owners who remove each other both find the other still there.
//
// Doubt refuses. In PostgreSQL, somebody made an owner while a change waited for
// its lock is not yet counted by it, so the change may fail with
// [rbac.ErrLastOwner] and succeed when it is asked for again.
//
// The guarantees hold for writers that use this package. A statement of your own
// that writes to the table is outside them.
//
// # Transactions
//
// Changes refuse a *sql.DB or *sql.Conn ([ErrNoTx]), where the lock would end
// with its statement. Make the change the first statement of the transaction
// where you can: in SQLite a deferred transaction that has read before can't
// become a writer once somebody else has written (SQLITE_BUSY_SNAPSHOT, code
// 517) and must be started again; transactions begun IMMEDIATE never meet this.
// PostgreSQL above READ COMMITTED reports a conflict as a serialization failure
// (40001), also to be repeated whole. The driver's error is reachable with
// [errors.As].
//
// # Tables
//
// [Migrations] holds the SQL; any runner applies it. PostgreSQL: rowhouse.members
// and rowhouse.member_organizations. SQLite: the same with an underscore in
// place of the point, on version 3.37 or later. [Options.Schema] changes
// the name. No foreign key leads to a table of yours: subjects and organizations
// are opaque text of 1 to 1,024 bytes, so a subject may be "issuer|id".
//
// # What it does not do
//
// It keeps no users, no organizations and no invitations, sends no mail and caches nothing: a
// role is one primary-key look-up.
package members
