package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
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
	id, err := tenant.ParseID(o.ID)
	if err != nil {
		return err
	}
	err = a.db.write(tenant.NewContext(r.Context(), id), func(ctx context.Context, tx *tenant.Tx) error {
		return a.foundOrganization(ctx, tx, o, caller(r))
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/organizations/"+o.ID)
	return reply(w, http.StatusCreated, o)
}

// foundOrganization stores a new organization with its first owner.
func (a *app) foundOrganization(ctx context.Context, tx *tenant.Tx, o organization, founder string) error {
	var buried int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM organization_tombstones WHERE id = :tenant`).Scan(&buried)
	if err == nil && buried > 0 {
		err = errors.New("this id was that of a deleted organization")
	}
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO organizations (id, name, created_at, updated_at) VALUES (:tenant, $1, $2, $3)`,
			o.Name, a.db.moment(o.CreatedAt), a.db.moment(o.UpdatedAt))
	}
	if err != nil {
		return fmt.Errorf("organizations: %w", err)
	}
	return a.members.Create(ctx, tx.Unscoped("members"), o.ID, founder)
}

// listOrganizations lists the organizations the caller is a member of, in the
// order of joining. It starts from the caller's memberships: no filter can be
// forgotten that would show another's.
func (a *app) listOrganizations(w http.ResponseWriter, r *http.Request) error {
	where, err := readPage(r)
	if err != nil {
		return err
	}
	var p page[organization]
	err = a.db.readAs(r.Context(), caller(r), func(ctx context.Context, q members.Querier) error {
		own, next, err := a.members.ListFor(ctx, q, caller(r), where)
		if err != nil {
			return err
		}
		p = page[organization]{Items: []organization{}, Next: next}
		ids := make([]string, len(own))
		for i, m := range own {
			ids[i] = m.Org
		}
		found, err := a.db.findOrganizations(ctx, q, ids)
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
	var o organization
	err := a.db.read(r.Context(), func(ctx context.Context, tx *tenant.Tx) (err error) {
		o, err = findOrganization(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	o.Role, _ = rbac.FromContext(r.Context())
	return reply(w, http.StatusOK, o)
}

func (a *app) renameOrganization(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[organizationBody](r)
	if err != nil {
		return err
	}
	var o organization
	err = a.db.write(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
		role, err := a.still(ctx, tx, rbac.OrganizationUpdate)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE organizations SET name = $1, updated_at = $2 WHERE id = :tenant`,
			body.Name, a.db.moment(time.Now()))
		if err != nil {
			return fmt.Errorf("organizations: %w", err)
		}
		o, err = findOrganization(ctx, tx)
		o.Role = role
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, o)
}

// deleteOrganization ends everything that belongs to the organization with it, and
// leaves its id behind as a tombstone. RemoveAll judges the caller under the lock.
func (a *app) deleteOrganization(w http.ResponseWriter, r *http.Request) error {
	err := a.db.write(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
		if err := a.members.RemoveAll(ctx, tx.Unscoped("members"), r.PathValue("org"), caller(r)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM organizations WHERE id = :tenant`) // and what refers to it
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO organization_tombstones (id, deleted_at) VALUES (:tenant, $1)`,
				a.db.moment(time.Now()))
		}
		if err != nil {
			return fmt.Errorf("organizations: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// findOrganization reads the transaction's organization, without the caller's role.
// One that does not exist is ErrNotMember: nobody is a member of it.
func findOrganization(ctx context.Context, tx *tenant.Tx) (organization, error) {
	var o organization
	err := tx.QueryRow(ctx, `SELECT id, name, created_at, updated_at FROM organizations WHERE id = :tenant`).
		Scan(&o.ID, &o.Name, (*stamp)(&o.CreatedAt), (*stamp)(&o.UpdatedAt))
	if errors.Is(err, sql.ErrNoRows) {
		err = rbac.ErrNotMember
	}
	if err != nil {
		return organization{}, fmt.Errorf("organizations: %w", err)
	}
	return o, nil
}

// findOrganizations reads those of ids that exist and may be seen, by id.
func (d *database) findOrganizations(ctx context.Context, q members.Querier, ids []string) (map[string]organization, error) {
	text := `SELECT id, name, created_at, updated_at FROM organizations
		WHERE id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))`
	if d.dialect == tenant.SQLite {
		text = `SELECT id, name, created_at, updated_at FROM organizations WHERE id IN (SELECT value FROM json_each(?1))`
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, text, string(list))
	if err != nil {
		return nil, fmt.Errorf("organizations: %w", err)
	}
	defer rows.Close()
	found := make(map[string]organization, len(ids))
	for rows.Next() {
		var o organization
		if err := rows.Scan(&o.ID, &o.Name, (*stamp)(&o.CreatedAt), (*stamp)(&o.UpdatedAt)); err != nil {
			return nil, fmt.Errorf("organizations: %w", err)
		}
		found[o.ID] = o
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("organizations: %w", err)
	}
	return found, nil
}
