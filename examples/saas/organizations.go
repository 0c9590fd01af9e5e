package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

const maxName = 100

// An organization as a member sees it.
type organization struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      rbac.Role `json:"role"` // the caller's
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// organizationBody is what callers may say about an organization.
type organizationBody struct {
	Name string `json:"name"`
}

func (b organizationBody) check() []fieldFault {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
	switch n := utf8.RuneCountInString(b.Name); {
	case n < 1 || n > maxName:
		return []fieldFault{{"name", "must be 1 to 100 characters"}}
	case strings.ContainsFunc(b.Name, hidden):
		return []fieldFault{{"name", "must hold printable characters only"}}
	case b.Name[0] == ' ' || b.Name[len(b.Name)-1] == ' ':
		return []fieldFault{{"name", "must not begin or end with a space"}}
	}
	return nil
}

// createOrganization makes the caller the first owner of a new organization.
func (a *app) createOrganization(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[organizationBody](r)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	o := organization{ID: newID(), Name: body.Name, Role: a.policy.Owner(), CreatedAt: now, UpdatedAt: now}
	err = a.db.write(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		if err := a.members.Create(ctx, tx, o.ID, caller(r)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO organizations (id, name, created_at, updated_at) VALUES (?, ?, ?, ?)`,
			o.ID, o.Name, o.CreatedAt.UnixMicro(), o.UpdatedAt.UnixMicro())
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/organizations/"+o.ID)
	return reply(w, http.StatusCreated, o)
}

// listOrganizations lists the organizations the caller is a member of, in the
// order of joining. It starts from the caller's memberships: no filter can be
// forgotten that would show another's.
func (a *app) listOrganizations(w http.ResponseWriter, r *http.Request) error {
	where, err := readPage(r)
	if err != nil {
		return err
	}
	p := page[organization]{Items: []organization{}}
	err = a.db.read(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		var own []members.Membership
		if own, p.Next, err = a.members.ListFor(ctx, tx, caller(r), where); err != nil {
			return err
		}
		ids := make([]string, len(own))
		for i, m := range own {
			ids[i] = m.Org
		}
		found, err := findOrganizations(ctx, tx, ids)
		if err != nil {
			return err
		}
		for _, m := range own {
			o, ok := found[m.Org]
			if !ok {
				return fmt.Errorf("organization %s has members and no row", m.Org)
			}
			o.Role = m.Role
			p.Items = append(p.Items, o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, p)
}

func (a *app) getOrganization(w http.ResponseWriter, r *http.Request) error {
	o, err := findOrganization(r.Context(), a.db.reader, r.PathValue("org"))
	if err != nil {
		return err
	}
	o.Role, _ = rbac.FromContext(r.Context())
	return reply(w, http.StatusOK, o)
}

// renameOrganization asks for the caller's role again in the transaction that
// writes: he may have lost it while the request waited.
func (a *app) renameOrganization(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[organizationBody](r)
	if err != nil {
		return err
	}
	var o organization
	err = a.db.write(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		role, err := a.members.Role(ctx, tx, r.PathValue("org"), caller(r))
		if err != nil {
			return err
		}
		if !a.policy.Can(role, rbac.OrganizationUpdate) {
			return rbac.ErrForbidden
		}
		_, err = tx.ExecContext(ctx, `UPDATE organizations SET name = ?, updated_at = ? WHERE id = ?`,
			body.Name, time.Now().UnixMicro(), r.PathValue("org"))
		if err != nil {
			return err
		}
		o, err = findOrganization(ctx, tx, r.PathValue("org"))
		o.Role = role
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, o)
}

// deleteOrganization ends the memberships with the organization. RemoveAll judges
// the caller under the lock.
func (a *app) deleteOrganization(w http.ResponseWriter, r *http.Request) error {
	err := a.db.write(r.Context(), func(ctx context.Context, tx *sql.Tx) error {
		if err := a.members.RemoveAll(ctx, tx, r.PathValue("org"), caller(r)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM organizations WHERE id = ?`, r.PathValue("org"))
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// findOrganization reads one organization, without the caller's role. One that
// does not exist is ErrNotMember: nobody is a member of it.
func findOrganization(ctx context.Context, q members.Querier, id string) (organization, error) {
	found, err := findOrganizations(ctx, q, []string{id})
	if err != nil {
		return organization{}, err
	}
	o, ok := found[id]
	if !ok {
		return organization{}, fmt.Errorf("organization: %w", rbac.ErrNotMember)
	}
	return o, nil
}

// findOrganizations reads those of ids that exist, by id.
func findOrganizations(ctx context.Context, q members.Querier, ids []string) (map[string]organization, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, `SELECT id, name, created_at, updated_at FROM organizations
		WHERE id IN (SELECT value FROM json_each(?))`, string(list))
	if err != nil {
		return nil, fmt.Errorf("organizations: %w", err)
	}
	defer rows.Close()
	found := make(map[string]organization, len(ids))
	for rows.Next() {
		var o organization
		var created, updated int64
		if err := rows.Scan(&o.ID, &o.Name, &created, &updated); err != nil {
			return nil, fmt.Errorf("organizations: %w", err)
		}
		o.CreatedAt, o.UpdatedAt = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
		found[o.ID] = o
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("organizations: %w", err)
	}
	return found, nil
}
