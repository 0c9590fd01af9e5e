//go:build !production

package main

import (
	"context"
	"io"
)

func demo(ctx context.Context, stdout, stderr io.Writer) int { return 0 }
