package members

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// A Page says which part of a listing to return. The zero Page is the first one.
type Page struct {
	// After is the cursor returned with the page before; empty for the first.
	// A cursor only says where to go on: it is not secret, gives no access, and
	// one that was tampered with is refused or starts elsewhere in the same
	// listing.
	After string

	// Limit is the greatest number of entries: 0 means 50, more than 200 counts
	// as 200, a negative number is refused.
	Limit int
}

func (p Page) limit() (int, error) {
	switch {
	case p.Limit < 0:
		return 0, fmt.Errorf("%w: negative limit", ErrInvalidPage)
	case p.Limit == 0:
		return 50, nil
	}
	return min(p.Limit, 200), nil
}

// A cursor is the last entry of a page: its time and the id that breaks ties.
type cursor struct {
	at time.Time
	id string
}

// String returns the base64url form of 8 bytes of microseconds and the id.
func (c cursor) String() string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(c.at.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, c.id...))
}

// parseCursor is the inverse of String and takes no other spelling. The empty
// string is the place before all entries.
func parseCursor(s string) (cursor, error) {
	if s == "" {
		return cursor{}, nil
	}
	invalid := fmt.Errorf("%w: cursor", ErrInvalidPage)
	if len(s) > base64.RawURLEncoding.EncodedLen(8+maxID) {
		return cursor{}, invalid
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) < 8 {
		return cursor{}, invalid
	}
	c := cursor{time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), string(raw[8:])}
	if checkID("cursor", c.id) != nil || c.String() != s || c.at.Year() < 1 || c.at.Year() > 9999 {
		return cursor{}, invalid
	}
	return c, nil
}
