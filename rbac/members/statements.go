package members

import "strings"

// statements is the SQL of one store, made once by [New].
type statements struct {
	check, role, list, listFor          string
	lock, lockAll                       string
	found, create, add                  string
	changeRole, remove, swap, removeAll string
	dissolve                            string
}

// write returns the statements for a dialect. They are written for PostgreSQL;
// SQLite's numbered parameters differ by one letter only.
func write(d Dialect, table, founded string) statements {
	st := statements{
		check: `SELECT m.org, m.subject, m.role, m.created_at, f.org
			FROM members AS m CROSS JOIN founded AS f WHERE 1 = 0`,

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
	}
	for _, text := range st.all() {
		*text = finish(d, table, founded, *text)
	}
	return st
}

func (st *statements) all() []*string {
	return []*string{
		&st.check, &st.role, &st.list, &st.listFor, &st.lock, &st.lockAll,
		&st.found, &st.create, &st.add, &st.changeRole, &st.remove, &st.swap,
		&st.removeAll, &st.dissolve,
	}
}

func finish(d Dialect, table, founded, text string) string {
	text = strings.NewReplacer(
		"FROM members", "FROM "+table,
		"INTO members", "INTO "+table,
		"UPDATE members", "UPDATE "+table,
		"FROM founded", "FROM "+founded,
		"JOIN founded", "JOIN "+founded,
		"INTO founded", "INTO "+founded,
	).Replace(text)
	if d == SQLite {
		text = strings.ReplaceAll(text, "$", "?")
	}
	return strings.Join(strings.Fields(text), " ")
}
