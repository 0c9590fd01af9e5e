package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// longestPlain is the most bytes of a name and a key that are stored as they are.
const longestPlain = 96

// redisKey returns the key of a bucket: prefix, name, a colon and key if these are
// short and plain. Otherwise it is prefix, a colon and a SHA-256, in base64url: keys
// come from clients, and one with braces would choose its node of a cluster, with
// line breaks forge a line of a log. No name that is stored as it is has a colon, so
// no two buckets share a key.
func redisKey(prefix, name, key string) string {
	if name != "" && len(name)+len(key) <= longestPlain && isPlain(name) && isPlain(key) && !strings.Contains(name, ":") {
		return prefix + name + ":" + key
	}
	return prefix + ":" + digest(name, key)
}

// digest is different for different pairs.
func digest(name, key string) string {
	text := binary.AppendUvarint(nil, uint64(len(name)))
	text = append(append(text, name...), key...)
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// isPlain reports whether s is printable ASCII without spaces and braces.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '{' || c == '}' {
			return false
		}
	}
	return true
}
