//go:build production

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
)

// Programs built with -tags production contain no way around a sign-in: neither
// the issuer for development nor the demo, which uses it.

const devIdentityLinked = false

func insecureDevIdentity(*config, *slog.Logger) (*identity, error) {
	return nil, errors.New("identity: this is a production build, which has no development identities")
}

func demo(_ context.Context, _, _ string, _, stderr io.Writer) int {
	say(stderr, "saas: this is a production build, which has no demo\n")
	return exitUsage
}
