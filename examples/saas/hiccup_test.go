package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Sessions that are ended under load cost no reader an answer, and no writer certainty:
// what was answered 201 is there once, what was answered 503 is not there, unless the
// answer says that it may be.
func TestSessionsEndUnderLoad(t *testing.T) {
	t.Parallel()
	if superuserURL() == "" {
		return // SQLite has no sessions; internal/integration runs this on PostgreSQL
	}
	s := start(t, nil)
	ada := s.person("ada")
	path := s.found(ada, "Acme") + "/announcements"
	var load, killer sync.WaitGroup
	var lock sync.Mutex
	answers := map[string]response{}
	var answered atomic.Int64
	for i := range 4 {
		load.Go(func() {
			for round := range 40 {
				text := fmt.Sprintf("%d of %d", round, i)
				got := s.as(ada).do("POST", path, fmt.Sprintf(`{"text":%q}`, text))
				lock.Lock()
				answers[text] = got
				lock.Unlock()
				answered.Add(1)
			}
		})
		load.Go(func() {
			for range 80 {
				if got := s.as(ada).do("GET", path+"?limit=1", ""); got.status != 200 {
					t.Errorf("a reader is answered %d: %s", got.status, got.body)
				}
				answered.Add(1)
			}
		})
	}
	killer.Go(func() {
		db := asSuperuser(t, s.app.config.DatabaseURL)
		defer db.Close()
		for kill := range int64(5) { // answers in between, or the budget would end this, as it should
			for answered.Load() < 40+80*kill {
				<-time.After(time.Millisecond)
			}
			_, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND datname = current_database()`,
				loginName(s.app.config.DatabaseURL))
			if err != nil {
				t.Errorf("%v", err)
			}
		}
	})
	load.Wait()
	killer.Wait()
	stored := map[string]int{}
	for cursor := ""; ; {
		got := s.as(ada).do("GET", path+"?limit=200&cursor="+cursor, "").wants(200)
		for _, text := range got.items("text") {
			stored[text]++
		}
		next, more := got.json()["next"].(string)
		if !more {
			break
		}
		cursor = next
	}
	count := map[int]int{}
	for text, got := range answers {
		count[got.status]++
		switch {
		case got.status == 201:
			require.Equal(t, 1, stored[text], text)
		case got.wants(503).problem().Type == unknownEnd:
			require.LessOrEqual(t, stored[text], 1, text)
		default:
			require.Zero(t, stored[text], text)
		}
	}
	require.Len(t, answers, 160)
	require.Greater(t, count[201], 120, "%v", count)
	require.NotEmpty(t, s.log.lines(t, "transaction repeated"))
}
