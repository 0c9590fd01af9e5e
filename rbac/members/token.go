package members

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Token returns the token of a pending invitation, 43 characters of base64url,
// for the one message that is being sent to the invited address. It is derived,
// not stored: let the job that sends the mail carry the invitation's id and ask
// for the token while sending, so that no queue, log or backup holds it.
//
// Each of [Options.InvitationKeys] is tried. [ErrInvitation] if the invitation is
// not pending, [ErrNoKey] if it was made with a key that is not among them.
func (s *Store) Token(ctx context.Context, q Querier, org, id string) (string, error) {
	token, err := s.token(ctx, q, org, id)
	if err != nil {
		return "", fmt.Errorf("members: token: %w", err)
	}
	return token, nil
}

func (s *Store) token(ctx context.Context, q Querier, org, id string) (string, error) {
	if len(s.keys) == 0 {
		return "", ErrNoKey
	}
	if err := checkID("org", org); err != nil {
		return "", err
	}
	if !isInvitationID(id) {
		return "", ErrInvitation
	}
	var nonce, want []byte
	err := q.QueryRowContext(ctx, s.sql.secret, org, id, s.stamp(s.moment())).Scan(&nonce, &want)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrInvitation
	}
	if err != nil {
		return "", err
	}
	for _, key := range s.keys {
		token := key(id, nonce)
		if subtle.ConstantTimeCompare(hash(token), want) == 1 {
			return token, nil
		}
	}
	return "", fmt.Errorf("%w: none of Options.InvitationKeys made this invitation", ErrNoKey)
}

// A key derives tokens from a secret that printing the store does not show.
type key func(id string, nonce []byte) (token string)

// newKey returns the key of a copy of secret. The nonce is known to the table only:
// who finds the secret and the ids in a queue still lacks it. Id and nonce have one
// length each, so no two pairs of them give one message.
func newKey(secret []byte) key {
	secret = bytes.Clone(secret)
	return func(id string, nonce []byte) string {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("rowhouse/rbac/members invitation token v1\x00"))
		mac.Write([]byte(id))
		mac.Write(nonce)
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
}

// hash returns what is stored of a token. The token has 256 bits of a pseudorandom
// function, so a plain hash can't be searched backwards, and a look-up by it tells
// by its duration nothing about the token.
func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// isToken reports whether s can be a token. Another spelling of the same bytes is
// another token.
func isToken(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(s) == 43 && len(raw) == sha256.Size
}

// newInvitationID returns a lower-case UUID of version 7, RFC 9562, section 5.7.
func newInvitationID(at time.Time) string {
	var b [16]byte
	rand.Read(b[6:])
	for i, ms := 5, at.UnixMilli(); i >= 0; i, ms = i-1, ms>>8 {
		b[i] = byte(ms)
	}
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// isInvitationID reports whether s can be the id of a row: the database is not
// asked for others.
func isInvitationID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
