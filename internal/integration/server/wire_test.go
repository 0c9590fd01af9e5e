package server_test

import (
	"bufio"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

func TestWire(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { echo.Close() })
	go func() {
		conn, err := echo.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			if lines.Text() != "" { // a line without an answer
				conn.Write(append(lines.Bytes(), '\n'))
			}
		}
	}()

	wire := server.NewWire(t, echo.Addr().String())
	conn, err := net.Dial("tcp", wire.Addr)
	require.NoError(t, err)
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for want, sent := range []string{"one\n", "\n\ntwo\n", "three\n"} {
		_, err := conn.Write([]byte(sent))
		require.NoError(t, err)
		_, err = answers.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want+1, wire.Trips())
	}
}
