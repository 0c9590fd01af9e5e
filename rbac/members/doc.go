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
// # Invitations
//
// An invitation offers a role to whoever reads an address. [Store.Invite] judges
// and stores it, [Store.Token] derives the secret for the message,
// [Store.FindInvitation] finds the organization of a token, [Store.Accept] judges
// again and makes the member.
//
//   - The token is HMAC-SHA256 of a key, the invitation's id and a nonce: 256 bits.
//     Who reads the table finds its SHA-256 and the nonce and lacks the key, who has
//     the key lacks the nonce, and queues and logs hold the id, which is no secret.
//   - A token counts once, until [Options.InvitationExpiry]. Unknown, used,
//     expired, revoked, replaced, void and sent to somebody else are one
//     [ErrInvitation]. Don't put a token into a path or query, where it is logged.
//   - What proves that the one who accepts is the one invited is an argument
//     without a default: [VerifiedEmail] or [TokenAlone]. Addresses compare with A
//     to Z and a to z alike and otherwise by bytes.
//   - An invitation has the force that its inviter has now: if the inviter could
//     not make it any more, it is void for as long as that is so. It is not deleted
//     then; revoke it if it should not come back with the inviter's rights.
//   - One address has one pending invitation in an organization. The next replaces
//     it, and needs the right to make the replaced one too, as [Store.Revoke] does.
//   - Expired invitations can't be seen or used, and are deleted by the next Invite
//     in their organization.
//
// # Tables
//
// [Migrations] holds the SQL; any runner applies it. PostgreSQL: rowhouse.members,
// rowhouse.member_organizations and rowhouse.member_invitations. SQLite: the same
// with an underscore in place of the point, on version 3.37 or later.
// [Options.Schema] changes the name. No foreign key leads to a table of yours: subjects and organizations
// are opaque text of 1 to 1,024 bytes, so a subject may be "issuer|id".
//
// In PostgreSQL every statement but two names the organization in its column org
// and works under row level security that compares it with a setting; [Store.ListFor]
// and a person's own [Store.Role] work under one that compares the column subject.
// The look-up of a token needs neither: rowhouse.find_member_invitation runs with
// the rights of its owner, who must own the tables without forced row level
// security, and returns the ids of the invitation with a given hash.
//
// # What it does not do
//
// It keeps no users and no organizations, sends no mail and caches nothing: a role
// is one primary-key look-up. Accepted and revoked invitations are deleted: who
// wants a history writes one in the same transaction, and [Options.Observe] says
// what to write.
package members
