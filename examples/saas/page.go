package main

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

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
