package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// What one organization stores is out of every other's reach, whoever asks and
// however.
func TestAnnouncementsStayInTheirOrganization(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	a, b := s.found(ada, "A"), s.found(bob, "B")
	s.join(ada, a, bob, "admin") // even one who is in both
	post := func(p somebody, path, text string) string {
		return s.as(p).do("POST", path+"/announcements", fmt.Sprintf(`{"text":%q}`, text)).wants(201).text("id")
	}
	ofA, ofB := post(ada, a, "A's"), post(bob, b, "B's")
	require.Equal(t, []string{"A's"}, s.as(bob).do("GET", a+"/announcements", "").wants(200).items("text"))
	require.Equal(t, []string{"B's"}, s.as(bob).do("GET", b+"/announcements", "").wants(200).items("text"))
	require.Equal(t, []string{ada.id}, s.as(bob).do("GET", a+"/announcements", "").wants(200).items("author"))

	before := s.contents()
	s.as(ada).do("GET", b+"/announcements", "").wants(404)
	s.as(ada).do("POST", b+"/announcements", `{"text":"x"}`).wants(404)
	s.as(ada).do("DELETE", b+"/announcements/"+ofB, "").wants(404)
	s.as(ada).do("DELETE", a+"/announcements/"+ofB, "").wants(404)
	s.as(bob).do("DELETE", b+"/announcements/"+ofA, "").wants(404)
	for _, field := range []string{"tenant_id", "org", "organization", "id", "author"} {
		body := fmt.Sprintf(`{"text":"x",%q:%q}`, field, strings.TrimPrefix(b, "/organizations/"))
		require.Equal(t, []string{field}, s.as(ada).do("POST", a+"/announcements", body).wants(422).fields())
	}
	for _, header := range []string{"X-Tenant-ID", "X-Organization-ID", "Tenant"} {
		got := s.as(bob).with(header, strings.TrimPrefix(b, "/organizations/")).do("GET", a+"/announcements", "").wants(200)
		require.Equal(t, []string{"A's"}, got.items("text"), "the path decides")
	}
	require.Equal(t, before, s.contents())

	s.as(bob).do("DELETE", b+"/announcements/"+ofB, "").wants(204)
	s.as(ada).do("DELETE", a, "").wants(204)
	require.NotContains(t, s.contents(), "A's", "they end with the organization")
}

func TestAnnouncementsPage(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	a := s.found(ada, "A")
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("number %d", i))
		s.as(ada).do("POST", a+"/announcements", fmt.Sprintf(`{"text":%q}`, want[i])).wants(201)
	}
	slices.Reverse(want)
	var seen []string
	cursors := []string{""}
	for {
		got := s.as(ada).do("GET", a+"/announcements?limit=2&cursor="+cursors[len(cursors)-1], "").wants(200)
		seen = append(seen, got.items("text")...)
		next, more := got.json()["next"].(string)
		if !more {
			break
		}
		cursors = append(cursors, next)
	}
	require.Equal(t, want, seen)
	require.Len(t, cursors, 3)
	for _, bad := range []string{"x", cursors[1] + "x", cursors[1][1:], strings.ToUpper(cursors[1]), "%00", strings.Repeat("A", 47), "'--"} {
		require.Equal(t, []string{"cursor"}, s.as(ada).do("GET", a+"/announcements?cursor="+bad, "").wants(422).fields(), bad)
	}
}

func TestBadAnnouncements(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	a := s.found(ada, "A")
	before := s.contents()
	for _, text := range []string{"", `a\u0000b`, `a\tb`, `a\u202eb`, `\ud800`, strings.Repeat("ä", 2001)} {
		require.Equal(t, []string{"text"}, s.as(ada).do("POST", a+"/announcements", `{"text":"`+text+`"}`).wants(422).fields(), text)
	}
	for _, id := range []string{"1", newID(), strings.ToUpper(newID()), "%00", "00000000-0000-0000-0000-000000000000", "'--"} {
		s.as(ada).do("DELETE", a+"/announcements/"+id, "").wants(404)
	}
	require.Equal(t, before, s.contents())
	hostile := `<script>alert(1)</script>'; DROP TABLE announcements; --` + "\n日本語 💡"
	s.as(ada).do("POST", a+"/announcements", fmt.Sprintf(`{"text":%q}`, strings.Repeat("ä", 2000))).wants(201)
	s.as(ada).do("POST", a+"/announcements", fmt.Sprintf(`{"text":%q}`, hostile)).wants(201)
	got := s.as(ada).do("GET", a+"/announcements?limit=1", "").wants(200)
	require.Equal(t, []string{hostile}, got.items("text"))
	require.NotContains(t, got.body, "<")
}

// The id of an organization that was deleted is never another's.
func TestDeletedOrganizationsStayDeleted(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	path := s.found(ada, "Acme")
	id, err := tenant.ParseID(strings.TrimPrefix(path, "/organizations/"))
	require.NoError(t, err)
	s.as(ada).do("DELETE", path, "").wants(204)
	before := s.contents()
	err = s.app.db.write(tenant.NewContext(t.Context(), id), func(ctx context.Context, tx *tenant.Tx) error {
		return s.app.foundOrganization(ctx, tx, organization{ID: id.String(), Name: "Acme", CreatedAt: time.Now(), UpdatedAt: time.Now()}, "eve")
	})
	require.ErrorContains(t, err, "this id was that of a deleted organization")
	require.Equal(t, before, s.contents())
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(cursor{time.Unix(1e9, 0), newID()}.String())
	f.Add("AAAAAAAAAAA01900000-0000-7000-8000-000000000000")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil || s == "" {
			return
		}
		require.Equal(t, s, c.String())
		require.True(t, isID(c.id))
	})
}
