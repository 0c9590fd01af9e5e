package members

import "strings"

// statements is the SQL of one store, made once by [New].
type statements struct {
	check, finder                       string
	role, list, listFor                 string
	lock, lockAll                       string
	found, create, add                  string
	changeRole, remove, swap, removeAll string
	dissolve                            string

	find, invitation, invitations, secret string // read
	sweep, pending, invite                string
	peek, open                            string
	withdraw, withdrawAll                 string
}

// write returns the statements for a dialect. They are written for PostgreSQL;
// SQLite's numbered parameters differ by one letter only.
func write(d Dialect, prefix string) statements {
	st := statements{
		check: `SELECT m.org, m.subject, m.role, m.created_at, f.org, i.id, i.org, i.email, i.address, i.role,
				i.inviter, i.created_at, i.expires_at, i.nonce, i.hash
			FROM members AS m CROSS JOIN founded AS f CROSS JOIN invitations AS i
			CROSS JOIN find_invitation(NULL, NULL) WHERE 1 = 0`,

		// The conditions on which PostgreSQL lets a role past row level security.
		finder: `SELECT has_function_privilege(f.oid, 'EXECUTE'),
				NOT t.relrowsecurity OR (f.prosecdef AND (o.rolsuper OR o.rolbypassrls
					OR (NOT t.relforcerowsecurity AND pg_has_role(f.proowner, t.relowner, 'USAGE'))))
			FROM pg_catalog.pg_proc AS f JOIN pg_catalog.pg_roles AS o ON o.oid = f.proowner
			CROSS JOIN pg_catalog.pg_class AS t
			WHERE f.oid = CAST($1 AS text)::regprocedure AND t.oid = CAST($2 AS text)::regclass`,

		role: `SELECT role FROM members WHERE org = $1 AND subject = $2`,

		list: `SELECT org, subject, role, created_at FROM members
			WHERE org = $1 AND (created_at, subject) > ($2, $3) ORDER BY created_at, subject LIMIT $4`,

		listFor: `SELECT org, subject, role, created_at FROM members
			WHERE subject = $1 AND (created_at, org) > ($2, $3) ORDER BY created_at, org LIMIT $4`,

		// The rows are locked in the order of the subject, so that two changes in
		// one organization never wait for each other in a circle. Three alternatives
		// that name the organization each are what planners answer from indexes;
		// with the organization factored out SQLite reads all its members.
		lock: `SELECT subject, role FROM members
			WHERE (org = $1 AND role = $2) OR (org = $1 AND subject = $3) OR (org = $1 AND subject = $4)
			ORDER BY subject FOR UPDATE`,

		lockAll: `SELECT subject, role FROM members WHERE org = $1 ORDER BY subject FOR UPDATE`,

		// That an organization exists is a row of its own, which outlives every
		// member: a look for members, with a snapshot from before the founder left
		// it to others, finds none.
		found: `INSERT INTO founded (org) VALUES ($1) ON CONFLICT DO NOTHING`,

		create: `INSERT INTO members (org, subject, role, created_at) VALUES ($1, $2, $3, $4)`,

		// A row lock alone leaves no trace in the row: a removal of the whole
		// organization with an older snapshot would neither see the new row nor
		// fail. Writing the actor's row makes it fail.
		add: `WITH actor AS (UPDATE members SET role = role WHERE org = $1 AND subject = $5)
			INSERT INTO members (org, subject, role, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`,

		changeRole: `UPDATE members SET role = $3 WHERE org = $1 AND subject = $2`,

		remove: `DELETE FROM members WHERE org = $1 AND subject = $2`,

		swap: `UPDATE members SET role = CASE subject WHEN $2 THEN $4 ELSE $5 END
			WHERE org = $1 AND subject IN ($2, $3)`,

		removeAll: `DELETE FROM members WHERE org = $1`,

		dissolve: `DELETE FROM founded WHERE org = $1`,

		// What has expired is invisible here, whether or not it is swept yet.
		find: `SELECT org, id FROM find_invitation($1, $2)`,

		invitation: `SELECT id, org, email, role, inviter, created_at, expires_at FROM invitations
			WHERE org = $1 AND id = $2 AND expires_at > $3`,

		invitations: `SELECT id, org, email, role, inviter, created_at, expires_at FROM invitations
			WHERE org = $1 AND (created_at, id) > ($2, $3) AND expires_at > $5 ORDER BY created_at, id LIMIT $4`,

		secret: `SELECT nonce, hash FROM invitations WHERE org = $1 AND id = $2 AND expires_at > $3`,

		sweep: `DELETE FROM invitations WHERE org = $1 AND expires_at <= $2`,

		pending: `SELECT count(*) FILTER (WHERE address <> $2), max(CASE WHEN address = $2 THEN role END)
			FROM invitations WHERE org = $1`,

		// Writing the organization's row makes all that were counted or removed with
		// an older snapshot fail, as in add.
		invite: `WITH organization AS (UPDATE founded SET org = org WHERE org = $1)
			INSERT INTO invitations (org, id, email, address, role, inviter, created_at, expires_at, nonce, hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (org, address) DO UPDATE SET id = excluded.id, email = excluded.email, role = excluded.role,
				inviter = excluded.inviter, created_at = excluded.created_at, expires_at = excluded.expires_at,
				nonce = excluded.nonce, hash = excluded.hash`,

		peek: `SELECT inviter FROM invitations WHERE org = $1 AND hash = $2`,

		open: `SELECT id, org, email, role, inviter, created_at, expires_at FROM invitations
			WHERE org = $1 AND hash = $2 FOR UPDATE`,

		withdraw: `DELETE FROM invitations WHERE org = $1 AND id = $2`,

		withdrawAll: `DELETE FROM invitations WHERE org = $1`,
	}
	if d == SQLite {
		// SQLite has no row locks. A statement that writes takes the lock of the
		// whole file before it reads, even if it finds no row.
		st.lock = `UPDATE members SET role = role
			WHERE (org = $1 AND role = $2) OR (org = $1 AND subject = $3) OR (org = $1 AND subject = $4)
			RETURNING subject, role`
		st.lockAll = `UPDATE members SET role = role WHERE org = $1 RETURNING subject, role`
		st.add = `INSERT INTO members (org, subject, role, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`
		st.check = strings.Replace(st.check, "CROSS JOIN find_invitation(NULL, NULL)", "", 1)
		st.finder = ""
		st.find = `SELECT org, id FROM invitations WHERE hash = $1 AND expires_at > $2`
		_, st.invite, _ = strings.Cut(st.invite, ")")
		st.peek = `UPDATE invitations SET hash = hash WHERE org = $1 AND hash = $2 RETURNING inviter`
		st.open = strings.TrimSuffix(st.open, "FOR UPDATE")
	}
	for _, text := range st.all() {
		*text = finish(d, prefix, *text)
	}
	return st
}

func (st *statements) all() []*string {
	return []*string{
		&st.check, &st.finder, &st.role, &st.list, &st.listFor, &st.lock, &st.lockAll,
		&st.found, &st.create, &st.add, &st.changeRole, &st.remove, &st.swap,
		&st.removeAll, &st.dissolve,
		&st.find, &st.invitation, &st.invitations, &st.secret, &st.sweep, &st.pending,
		&st.invite, &st.peek, &st.open, &st.withdraw, &st.withdrawAll,
	}
}

// finish writes the names out: a word after FROM, JOIN, INTO or UPDATE.
func finish(d Dialect, prefix, text string) string {
	words := strings.Fields(text)
	for i := 1; i < len(words); i++ {
		switch strings.TrimPrefix(words[i-1], "(") {
		case "FROM", "JOIN", "INTO", "UPDATE":
			name, rest, called := strings.Cut(words[i], "(")
			if full := fullName(name); full != "" {
				words[i] = prefix + full
			}
			if called {
				words[i] += "(" + rest
			}
		}
	}
	text = strings.Join(words, " ")
	if d == SQLite {
		text = strings.ReplaceAll(text, "$", "?")
	}
	return text
}

// fullName returns the name in the database, less its prefix, of what is called
// short above; empty for others.
func fullName(short string) string {
	switch short {
	case "members":
		return "members"
	case "founded":
		return "member_organizations"
	case "invitations":
		return "member_invitations"
	case "find_invitation":
		return "find_member_invitation"
	}
	return ""
}
