package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// Whatever body comes: either it is refused with a problem of the client's, or
// encoding/json reads the same from it.
func FuzzReadBody(f *testing.F) {
	for _, body := range []string{
		`{"id":"a","role":"b"}`, `{"id":"a","id":"b"}`, `{"ID":"a","role":"b"}`, `{"id":"\u0061","role":null}`, `{"id":"\ud800","role":"b"}`,
		`{}`, ``, `[]`, `{"id":"a"`, `{"id":"a","role":"b"}{}`, `{"i\u0064":"a","id":"b"}`, `{"":""}`, "{\"id\":\"\xff\"}", `{"id":{"id":1},"role":[]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		got, err := readBody[membershipBody](r)
		if err != nil {
			p, ok := errors.AsType[*problem](err)
			require.True(t, ok)
			require.Contains(t, []int{400, 422}, p.Status)
			answer, err := json.Marshal(p)
			require.NoError(t, err)
			require.Less(t, len(answer), 32<<10)
			return
		}
		var want map[string]string
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		require.Equal(t, map[string]string{"id": got.ID, "role": got.Role}, want)
	})
}

// A body that arrives too slowly is the client's fault, one that breaks off too.
func TestBodiesThatDoNotArrive(t *testing.T) {
	t.Parallel()
	for err, status := range map[error]int{os.ErrDeadlineExceeded: 408, io.ErrUnexpectedEOF: 400} {
		r := httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(err))
		r.Header.Set("Content-Type", "application/json")
		_, got := readBody[roleBody](r)
		require.Equal(t, status, problemOf(got).Status)
	}
}

// An id that is taken is the only spelling of a principal of our issuer.
func FuzzParsePersonID(f *testing.F) {
	const issuer = "https://id.example"
	a := &app{identity: &identity{issuer: issuer}}
	for _, principal := range []string{
		"18:https://id.example4:user3:ada", "18:https://id.example6:client3:web", "18:https://id.example4:user0:", "18:https://id.example4:user3:adaX",
		"18:https://id.example4:root3:ada", "018:https://id.example4:user3:ada", "19:https://id.example/4:user3:ada", "99:", ":", "",
	} {
		f.Add(personID(principal))
	}
	f.Add("MTg6\n")
	f.Fuzz(func(t *testing.T, id string) {
		principal, ok := a.parsePersonID(id)
		if !ok {
			return
		}
		require.Equal(t, id, personID(principal))
		require.True(t, strings.HasPrefix(principal, "18:"+issuer))
	})
}

// The query of a listing is refused or understood, never answered with a fault of
// ours.
func FuzzReadPage(f *testing.F) {
	for _, query := range []string{"", "limit=5", "limit=0", "cursor=x&limit=200", "limit=1&limit=2", "%zz", "a=b", ";"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		p, err := readPage(r)
		if err != nil {
			problem, ok := errors.AsType[*problem](err)
			require.True(t, ok)
			require.Contains(t, []int{400, 422}, problem.Status)
			return
		}
		require.True(t, p.Limit >= 1 && p.Limit <= maxLimit)
	})
}
