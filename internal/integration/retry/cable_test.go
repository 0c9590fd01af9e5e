package retry_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A cable is a loopback proxy before a PostgreSQL server that is cut at a COMMIT.
type cable struct {
	addr string
	// cut says when: 0 never; else at the next commit, which sets it to 0 again.
	cut atomic.Int32
}

const (
	beforeCommit = 1 + iota // the server does not see it
	afterCommit             // the server has answered, and the client does not see that
)

func newCable(t *testing.T, addr string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{addr: l.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { c.carry(client, addr) })
		}
	})
	t.Cleanup(func() { // after the pools are closed, which ends what is carried
		_ = l.Close()
		running.Wait()
	})
	return c
}

func (c *cable) carry(client net.Conn, addr string) {
	defer client.Close()
	srv, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer srv.Close()
	var swallow atomic.Bool
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := srv.Read(buf)
			if swallow.Load() && n > 0 {
				return
			}
			if _, werr := client.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	})
	defer answers.Wait()
	defer srv.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil && n == 0 {
			return
		}
		if bytes.Contains(bytes.ToLower(buf[:n]), []byte("commit")) {
			switch c.cut.Swap(0) {
			case beforeCommit:
				return
			case afterCommit:
				swallow.Store(true)
			}
		}
		if _, err := io.Copy(srv, bytes.NewReader(buf[:n])); err != nil {
			return
		}
		if swallow.Load() {
			answers.Wait() // the answer came, and is lost
			return
		}
	}
}
