package main

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// Listings answer with at most this many entries, and with defaultLimit unless
// the caller names a limit.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// A page is the answer of a listing. Next is the cursor of the next page, left
// out on the last.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// readPage reads the query of a listing: limit and cursor, each at most once and
// nothing else.
func readPage(r *http.Request) (members.Page, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return members.Page{}, plain(http.StatusBadRequest, "The query is malformed.")
	}
	p := members.Page{Limit: defaultLimit}
	var faults []fieldFault
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch values := query[name]; {
		case name != "limit" && name != "cursor":
			faults = append(faults, fieldFault{clip(name), "is not a parameter of this listing"})
		case len(values) > 1:
			faults = append(faults, fieldFault{name, "is given more than once"})
		case name == "cursor":
			p.After = values[0]
		default:
			n, err := strconv.Atoi(values[0])
			if err != nil || n < 1 || n > maxLimit || strconv.Itoa(n) != values[0] {
				faults = append(faults, fieldFault{name, "must be a whole number from 1 to 200"})
			}
			p.Limit = n
		}
	}
	if len(faults) > 0 {
		return members.Page{}, invalid(faults...)
	}
	return p, nil
}

// A cursor is the last entry of a page of one of our own listings, which begin with
// the newest: its time, and the id that tells entries of one moment apart. It is no
// secret and gives no access.
type cursor struct {
	at time.Time
	id string
}

// String returns the time, 8 bytes of microseconds in base64url, and the id.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(c.at.UnixMicro()))) + c.id
}

// parseCursor is the inverse of String and takes no other spelling. The empty
// string is the place before all entries.
func parseCursor(s string) (cursor, error) {
	if s == "" {
		return cursor{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff"}, nil
	}
	const digits = 11 // of 8 bytes
	var c cursor
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s[:min(len(s), digits)])
	if err == nil && len(raw) == 8 {
		c = cursor{time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), s[digits:]}
	}
	if !isID(c.id) || c.at.Year() < 1 || c.at.Year() > 9999 {
		return cursor{}, invalid(fieldFault{"cursor", "is not one that this listing returned"})
	}
	return c, nil
}
