package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/tenant"
)

const maxAnnouncement = 2000

// An announcement is what an organization tells its members.
type announcement struct {
	ID        string    `json:"id"`
	Author    string    `json:"author"` // a person's id
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

type announcementBody struct {
	Text string `json:"text"`
}

func (b announcementBody) check() []fieldFault {
	hidden := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) || r == utf8.RuneError }
	switch n := utf8.RuneCountInString(b.Text); {
	case n < 1 || n > maxAnnouncement:
		return []fieldFault{{"text", "must be 1 to 2000 characters"}}
	case strings.ContainsFunc(b.Text, hidden):
		return []fieldFault{{"text", "must hold printable characters and line feeds only"}}
	}
	return nil
}

func (a *app) announce(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[announcementBody](r)
	if err != nil {
		return err
	}
	one := announcement{ID: newID(), Author: personID(caller(r)), Text: body.Text, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	err = a.db.write(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
		if _, err := a.still(ctx, tx, rbac.OrganizationUpdate); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO announcements (tenant_id, id, author, body, created_at) VALUES (:tenant, $1, $2, $3, $4)`,
			one.ID, caller(r), one.Text, a.db.moment(one.CreatedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("announcements: %w", err)
	}
	return reply(w, http.StatusCreated, one)
}

// listAnnouncements lists the newest first.
func (a *app) listAnnouncements(w http.ResponseWriter, r *http.Request) error {
	where, err := readPage(r)
	if err != nil {
		return err
	}
	before, err := parseCursor(where.After)
	if err != nil {
		return err
	}
	var p page[announcement]
	err = a.db.read(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, author, body, created_at FROM announcements
			WHERE tenant_id = :tenant AND (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3`,
			a.db.moment(before.at), before.id, where.Limit+1) // one more tells whether a page follows
		if err != nil {
			return err
		}
		defer rows.Close()
		p = page[announcement]{Items: []announcement{}}
		for rows.Next() {
			var one announcement
			if err := rows.Scan(&one.ID, &one.Author, &one.Text, (*stamp)(&one.CreatedAt)); err != nil {
				return err
			}
			one.Author = personID(one.Author)
			p.Items = append(p.Items, one)
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("announcements: %w", err)
	}
	if len(p.Items) > where.Limit {
		p.Items = p.Items[:where.Limit]
		last := p.Items[where.Limit-1]
		p.Next = cursor{last.CreatedAt, last.ID}.String()
	}
	return reply(w, http.StatusOK, p)
}

func (a *app) deleteAnnouncement(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("announcement")
	if !isID(id) {
		return notFound()
	}
	err := a.db.write(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
		if _, err := a.still(ctx, tx, rbac.OrganizationUpdate); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, `DELETE FROM announcements WHERE tenant_id = :tenant AND id = $1`, id)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err == nil && n == 0 {
			err = notFound()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("announcements: %w", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
