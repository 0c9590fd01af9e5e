package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// Many people at once share few connections, and some hang up in the middle:
// nobody is ever shown another organization's rows, and nothing is left behind.
func TestOrganizationsStayApartUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DB_POOL_MAX_CONNS": "3"})
	type tenant struct {
		owner      somebody
		path, text string
	}
	var tenants []tenant
	for i := range 6 {
		one := tenant{owner: s.person(fmt.Sprintf("owner%d", i)), text: fmt.Sprintf("only for %d", i)}
		one.path = s.found(one.owner, one.text)
		s.as(one.owner).do("POST", one.path+"/announcements", fmt.Sprintf(`{"text":%q}`, one.text)).wants(201)
		tenants = append(tenants, one)
	}
	var all sync.WaitGroup
	for i := range 4 * len(tenants) {
		own, other := tenants[i%len(tenants)], tenants[(i+1)%len(tenants)]
		all.Go(func() {
			for round := range 12 {
				if round%3 == 0 {
					s.hangUp(own.owner, own.path+"/announcements", time.Duration(round+i)*100*time.Microsecond)
				}
				got := s.as(own.owner).do("GET", own.path+"/announcements", "")
				if got.status != http.StatusOK || fmt.Sprint(got.items("text")) != "["+own.text+"]" {
					t.Errorf("%d: %s", got.status, got.body)
				}
				if got := s.as(own.owner).do("GET", "/organizations", ""); fmt.Sprint(got.items("name")) != "["+own.text+"]" {
					t.Errorf("%d: %s", got.status, got.body)
				}
				if got := s.as(own.owner).do("GET", other.path+"/announcements", ""); got.status != http.StatusNotFound {
					t.Errorf("%d: %s", got.status, got.body)
				}
			}
		})
	}
	all.Wait()
	idle := func() bool { return s.app.db.writer.Stats().InUse+s.app.db.reader.Stats().InUse == 0 }
	require.Eventually(t, idle, 10*time.Second, time.Millisecond, "those who hung up hold no connection")
}

// What a transaction reads is of one moment, whatever happens in between.
func TestReadsSeeOneMoment(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	path := s.found(ada, "Acme")
	principal, ok := s.app.parsePersonID(ada.id)
	require.True(t, ok)
	require.NoError(t, s.app.db.readAs(t.Context(), principal, func(ctx context.Context, q members.Querier) error {
		own, _, err := s.app.members.ListFor(ctx, q, principal, members.Page{})
		require.NoError(t, err)
		require.Len(t, own, 1)
		s.as(ada).do("DELETE", path, "").wants(204)
		found, err := s.app.db.findOrganizations(ctx, q, []string{own[0].Org})
		require.Equal(t, "Acme", found[own[0].Org].Name)
		return err
	}))
	require.Empty(t, s.as(ada).do("GET", "/organizations", "").wants(200).items("name"))
}

// hangUp asks and goes away after a while.
func (s *running) hangUp(p somebody, path string, after time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), after)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, http.NoBody)
	if err != nil {
		s.t.Errorf("%v", err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	if resp, err := s.client.Do(r); err == nil {
		_ = resp.Body.Close()
	}
}
