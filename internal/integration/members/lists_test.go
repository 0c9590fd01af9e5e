package members_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

func testLists(t *testing.T, e *engine) {
	org := e.found(t, nil)
	clock := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 3600))
	store := newStore(t, e.dialect, &members.Options{Now: func() time.Time { return clock }})
	var want []string
	for i := range 23 { // four a time, so that pages end inside a tie
		subject := fmt.Sprintf("s%02d", 22-i)
		e.must(t, func(ctx context.Context, tx members.Querier) error {
			if i == 0 {
				return store.Create(ctx, tx, org, subject)
			}
			return store.Add(ctx, tx, org, "s22", subject, rbac.Member)
		})
		want = append(want, fmt.Sprintf("%d %s", clock.UnixMicro(), subject))
		if i%4 == 3 {
			clock = clock.Add(time.Microsecond)
		}
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 3, 5, 22, 23, 24, 0, 1000} {
		var got []string
		pages := 0
		for page := (members.Page{Limit: limit}); ; pages++ {
			list, next, err := store.List(t.Context(), e.reader, org, page)
			require.NoError(t, err)
			for _, m := range list {
				require.Equal(t, time.UTC, m.CreatedAt.Location())
				got = append(got, fmt.Sprintf("%d %s", m.CreatedAt.UnixMicro(), m.Subject))
			}
			if next == "" {
				break
			}
			require.Len(t, list, limit)
			page.After = next
		}
		require.Equal(t, want, got, "limit %d", limit)
		if limit > 0 && limit < 23 {
			require.Equal(t, (len(want)-1)/limit, pages)
		} else {
			require.Zero(t, pages)
		}
	}

	// Somebody removed or added while a listing is paged through moves nobody else.
	first, next, err := store.List(t.Context(), e.reader, org, members.Page{Limit: 10})
	require.NoError(t, err)
	e.must(t, func(ctx context.Context, tx members.Querier) error {
		return errors.Join(store.Remove(ctx, tx, org, "s22", first[9].Subject), store.Add(ctx, tx, org, "s22", "z-late", rbac.Member))
	})
	rest, next, err := store.List(t.Context(), e.reader, org, members.Page{Limit: 200, After: next})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, rest, 14)
	require.Equal(t, "z-late", rest[13].Subject)

	for _, page := range []members.Page{{Limit: -1}, {After: "!"}, {After: "AAAA"}, {After: "AAAAAAAAAAA"}, {After: strings.Repeat("A", 5000)}} {
		_, _, err := store.List(t.Context(), e.reader, org, page)
		require.ErrorIs(t, err, members.ErrInvalidPage)
		_, _, err = store.ListFor(t.Context(), e.reader, "s22", page)
		require.ErrorIs(t, err, members.ErrInvalidPage)
	}
	none, next, err := store.List(t.Context(), e.reader, "nowhere", members.Page{})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Empty(t, none)
}

// One person's organizations, in pages, with times cut to the microsecond.
func testTimes(t *testing.T, e *engine) {
	subject := "person of " + e.found(t, nil)
	at := time.Date(2026, 11, 1, 0, 0, 0, 999_999_999, time.UTC)
	store := newStore(t, e.dialect, &members.Options{Now: func() time.Time { return at }})
	var want []members.Membership
	for range 5 {
		org := e.found(t, nil)
		e.must(t, func(ctx context.Context, tx members.Querier) error {
			return store.Create(ctx, &tapped{tx, func(_ string, args []any) {
				if len(args) < 4 {
					return
				}
				if sent, ok := args[3].(time.Time); ok { // some drivers send more digits than the column keeps, which then rounds
					require.Zero(t, sent.Nanosecond()%1000)
				}
			}}, org, subject)
		})
		want = append(want, members.Membership{Org: org, Subject: subject, Role: rbac.Owner, CreatedAt: at.Truncate(time.Microsecond)})
		at = at.Add(time.Hour)
	}
	first, next, err := store.ListFor(t.Context(), e.reader, subject, members.Page{Limit: 3})
	require.NoError(t, err)
	second, end, err := store.ListFor(t.Context(), e.reader, subject, members.Page{Limit: 3, After: next})
	require.NoError(t, err)
	require.Empty(t, end)
	require.Equal(t, want, slices.Concat(first, second))
}
