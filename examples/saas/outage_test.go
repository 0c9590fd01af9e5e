package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// A server that goes in the middle of a statement is an outage, as is every
// statement on its connection after that.
func TestLostConnectionIsAnOutage(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	go func() {
		// Trust, ready for a query, and gone when one comes.
		const ok, ready = "R\x00\x00\x00\x08\x00\x00\x00\x00", "Z\x00\x00\x00\x05I"
		b := make([]byte, 1024)
		_, _ = server.Read(b)
		_, _ = io.WriteString(server, ok+ready)
		_, _ = server.Read(b)
		_ = server.Close()
	}()
	c, err := pgx.ParseConfig("postgres://ada@127.0.0.1/saas?sslmode=disable")
	require.NoError(t, err)
	c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return client, nil }
	conn, err := pgx.ConnectConfig(t.Context(), c)
	require.NoError(t, err)
	for range 2 {
		_, err = conn.Exec(t.Context(), "SELECT 1")
		require.Error(t, err)
		require.True(t, isOutage(fmt.Errorf("organizations: %w", err)), "%v", err)
	}
}

func TestOutages(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"08006", "40001", "40P01", "53300", "57014", "57P01", "58030", "55P03"} {
		require.True(t, isOutage(&pgconn.PgError{Code: code}), code)
	}
	for _, code := range []string{"", "5", "22021", "23505", "42501", "42P01", "55000", "XX000"} {
		require.False(t, isOutage(&pgconn.PgError{Code: code}), code)
	}
	require.False(t, isOutage(nil))
	require.False(t, isOutage(errors.New("x")))
	require.False(t, isOutage(sql.ErrNoRows))
}
