package tenant

import (
	"database/sql/driver"
	"fmt"
	"log/slog"
)

// An ID names one tenant: a UUID or a slug, in the one spelling that names it.
// IDs are made by [ParseID], [ParseSlug], Scan and UnmarshalText, and compare with
// ==. The zero ID names no tenant: it has no SQL value, so that a forgotten id
// fails instead of selecting something. An ID is immutable and safe for concurrent
// use.
type ID struct{ s string }

// ParseID returns the ID that a canonical UUID (RFC 9562, 36 lower-case
// characters) names. Upper case, braces, urn:uuid: and the form without hyphens
// are refused with [ErrInvalidID]: a tenant with two spellings has two cache keys,
// two storage prefixes and two rate limits. So is the nil UUID, which programs
// write when they have none.
func ParseID(s string) (ID, error) {
	if !isUUID(s) || s == nilUUID {
		return ID{}, fmt.Errorf("%w: not a canonical UUID", ErrInvalidID)
	}
	return ID{s}, nil
}

// ParseSlug returns the ID that a slug names: 1 to 64 of a-z, 0-9 and "-", neither
// first nor last a hyphen. What reads as a UUID once its hyphens are dropped is
// refused, so that no ID is both. The error is [ErrInvalidID].
func ParseSlug(s string) (ID, error) {
	if !isSlug(s) {
		return ID{}, fmt.Errorf("%w: not a slug of 1 to 64 characters a-z, 0-9 and -", ErrInvalidID)
	}
	return ID{s}, nil
}

// String returns the id, empty for the zero ID.
func (id ID) String() string { return id.s }

// IsZero reports whether id names no tenant.
func (id ID) IsZero() bool { return id.s == "" }

// Value implements [driver.Valuer]. The zero ID is [ErrNoTenant].
func (id ID) Value() (driver.Value, error) {
	if id.s == "" {
		return nil, ErrNoTenant
	}
	return id.s, nil
}

// Scan implements [database/sql.Scanner]. It takes text, as string or []byte, in a form
// that [ParseID] or [ParseSlug] takes, and a [16]byte with the bytes of a UUID, as pgx
// gives them; nothing else, and no NULL. The error matches [ErrInvalidID], and id is as it
// was then.
func (id *ID) Scan(src any) error {
	switch v := src.(type) {
	case string:
		return id.UnmarshalText([]byte(v))
	case []byte:
		return id.UnmarshalText(v)
	case [16]byte:
		return id.UnmarshalText(fmt.Appendf(nil, "%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:]))
	}
	return fmt.Errorf("%w: can't scan %T", ErrInvalidID, src)
}

// MarshalText implements [encoding.TextMarshaler]. The zero ID is [ErrNoTenant].
func (id ID) MarshalText() ([]byte, error) {
	if id.s == "" {
		return nil, ErrNoTenant
	}
	return []byte(id.s), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes what [ParseID] or
// [ParseSlug] takes and leaves id as it was otherwise.
func (id *ID) UnmarshalText(text []byte) error {
	s := string(text)
	parsed, err := ParseID(s)
	if err != nil {
		if parsed, err = ParseSlug(s); err != nil {
			return err
		}
	}
	*id = parsed
	return nil
}

// LogValue implements [slog.LogValuer].
func (id ID) LogValue() slog.Value { return slog.StringValue(id.s) }

const nilUUID = "00000000-0000-0000-0000-000000000000"

func isUUID(s string) bool {
	if len(s) != len(nilUUID) {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isSlug(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	digits := 0 // hexadecimal; -1 once another character was seen
	for i := range len(s) {
		c := s[i]
		switch {
		case isHex(c):
			if digits >= 0 {
				digits++
			}
		case c == '-':
		case 'a' <= c && c <= 'z':
			digits = -1
		default:
			return false
		}
	}
	return digits != 32
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
