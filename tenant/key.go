package tenant

import (
	"context"
	"fmt"
)

// 1,024 bytes is what S3, Cloud Storage and Azure allow.
const maxKey = 1024

// Key returns a key for caches, locks and object stores that begins with the tenant
// of ctx: "acme/avatars/7.png" for "avatars", "7.png". Different tenants or
// different parts never make the same key, whatever the parts hold: characters
// other than A-Z, a-z, 0-9, "-", "_" and a dot between two others are written as
// "!" and two hexadecimal digits. ("%" would be undone by the first proxy that
// decodes once too often, and "../" with it.) So a key has no "..", no empty
// segment, no slash at either end and no control characters, and is at most 1,024
// bytes.
//
// As a prefix, a key needs a "/" at its end: the keys of tenant "acme" and those of
// "acme-2" share their first four characters.
//
// The error matches [ErrNoTenant] or [ErrConflict] as that of [FromContext], or
// [ErrInvalidKey] if there are no parts, one is empty, as a variable that was not
// set is, or the key would be too long.
func Key(ctx context.Context, parts ...string) (string, error) {
	id, err := FromContext(ctx)
	if err != nil {
		return "", err
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("%w: no parts", ErrInvalidKey)
	}
	size := len(id.s)
	for i, part := range parts {
		if part == "" {
			return "", fmt.Errorf("%w: part %d is empty", ErrInvalidKey, i+1)
		}
		if size += 1 + len(part); size > maxKey {
			return "", fmt.Errorf("%w: longer than %d bytes", ErrInvalidKey, maxKey)
		}
	}
	key := append(make([]byte, 0, size), id.s...)
	for _, part := range parts {
		key = append(key, '/')
		for i := range len(part) {
			if c := part[i]; isPlain(part, i) {
				key = append(key, c)
			} else {
				const hex = "0123456789ABCDEF"
				key = append(key, '!', hex[c>>4], hex[c&15])
			}
		}
	}
	if len(key) > maxKey {
		return "", fmt.Errorf("%w: longer than %d bytes", ErrInvalidKey, maxKey)
	}
	return string(key), nil
}

// isPlain reports whether part[i] stands for itself in a key.
func isPlain(part string, i int) bool {
	switch c := part[i]; {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		return true
	case c == '.':
		return i > 0 && i < len(part)-1 && part[i-1] != '.' && part[i+1] != '.'
	}
	return false
}
