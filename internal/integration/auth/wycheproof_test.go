package auth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// The module is downloaded, never required: its go line is newer than ours.
const wycheproof = "github.com/c2sp/wycheproof@v0.0.0-20260902155932-3fa63dd0344a"

// A vectorFile is a file of Project Wycheproof's test vectors.
type vectorFile struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment string
		Public  json.RawMessage // absent for symmetric keys
		Private json.RawMessage
		Tests   []vector
	}
}

type vector struct {
	ID      int `json:"tcId"`
	Comment string
	JWS     string
	Result  string
}

// excuses are valid vectors that are refused all the same, by tcId. One that is
// accepted after all fails the test.
type excuses map[int]string

const (
	symmetric    = "a shared secret: services that verify tokens of others have none"
	emptyPayload = "no payload: it can hold no claims"
	otherAlg     = "the key says PS256, the header PS384"
	noSuchAlg    = "the key's alg is ES521, which RFC 7518 does not have"
)

func TestWycheproofJWS(t *testing.T) {
	t.Parallel()
	run(t, "json_web_signature_test.json", 401, excuses{
		1:   symmetric,
		259: emptyPayload,
		264: emptyPayload,
		268: emptyPayload,
		272: emptyPayload,
		320: emptyPayload,
		325: emptyPayload,
		346: otherAlg,
		347: noSuchAlg,
		348: symmetric,
		350: otherAlg,
		351: noSuchAlg,
		352: symmetric,
		357: symmetric,
		358: symmetric,
		359: symmetric,
		372: symmetric,
		373: symmetric,
		376: symmetric,
		377: symmetric,
	})
}

func TestWycheproofJWK(t *testing.T) {
	t.Parallel()
	run(t, "json_web_key_test.json", 26, excuses{
		2:  symmetric,
		13: symmetric,
		14: symmetric,
		15: symmetric,
	})
}

func run(t *testing.T, name string, count int, excused excuses) {
	t.Helper()
	file := vectors(t, name)
	seen, accepted, needed := 0, 0, 0
	for _, g := range file.TestGroups {
		keys := g.Public
		if keys == nil { // symmetric: published as it is
			keys = g.Private
		}
		if !bytes.Contains(keys, []byte(`"keys"`)) {
			keys = slices.Concat([]byte(`{"keys":[`), keys, []byte(`]}`))
		}
		for _, v := range g.Tests {
			seen++
			refusal := verify(t, keys, v.JWS)
			excuse, isExcused := excused[v.ID]
			switch {
			case v.Result == "invalid":
				require.Error(t, refusal, "tcId %d, %s: %s is accepted", v.ID, g.Comment, v.Comment)
				require.False(t, isExcused, "tcId %d is invalid and needs no excuse", v.ID)
			case isExcused:
				needed++
				require.Error(t, refusal, "tcId %d is accepted and no longer excused: %s", v.ID, excuse)
			default:
				accepted++
				require.NoError(t, refusal, "tcId %d, %s: %s", v.ID, g.Comment, v.Comment)
			}
		}
	}
	require.Equal(t, count, file.NumberOfTests)
	require.Equal(t, count, seen)
	require.Len(t, excused, needed, "excuses for vectors that do not exist")
	require.Positive(t, accepted)
	t.Logf("%s: %d vectors, %d valid ones accepted, %d excused, no invalid one accepted", name, seen, accepted, needed)
}

// verify returns why the signature of a JWS was not accepted, or nil. The
// payloads are no claims, so even a good signature ends in a refusal, but in one
// that comes after it.
func verify(t *testing.T, keys []byte, jws string) error {
	t.Helper()
	set, err := auth.StaticKeys(keys)
	if err != nil {
		return err
	}
	v, err := auth.New(auth.Config{
		Issuer:     "https://id.example.com",
		Audience:   []string{"https://api.example.com"},
		Keys:       set,
		Algorithms: []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
	})
	require.NoError(t, err)
	defer v.Close()
	_, err = v.Verify(t.Context(), jws)
	refusal, ok := errors.AsType[*auth.Error](err)
	require.True(t, ok, "%v", err)
	switch refusal.Reason {
	case auth.ReasonClaims, auth.ReasonIssuer:
		return nil
	case auth.ReasonSize, auth.ReasonFormat, auth.ReasonHeader, auth.ReasonAlgorithm, auth.ReasonType, auth.ReasonKey, auth.ReasonSignature:
		return err
	}
	require.Fail(t, "unexpected", "%v", err)
	return nil
}

func vectors(t *testing.T, name string) vectorFile {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", wycheproof)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	server.Require(t, "wycheproof", err == nil, "let the Go command reach a module proxy: go mod download "+wycheproof)
	raw, err := os.ReadFile(filepath.Join(module.Dir, "testvectors_v1", name))
	require.NoError(t, err)
	var file vectorFile
	require.NoError(t, json.Unmarshal(raw, &file))
	return file
}
