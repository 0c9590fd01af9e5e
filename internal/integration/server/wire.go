package server

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A Wire is a loopback proxy before a server that counts how often its clients
// wait for the network.
type Wire struct {
	Addr  string // host:port on loopback
	trips atomic.Int64
}

// Trips returns the number of round trips so far, over all connections: how often
// the server answered something that the client had sent since the answer before.
// What a client sends without waiting in between is one round trip, however many
// messages it is, and so is what the server sends in return.
func (w *Wire) Trips() int { return int(w.trips.Load()) }

// NewWire starts a proxy before the server at addr until the end of the test.
func NewWire(t testing.TB, addr string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	w := &Wire{Addr: l.Addr().String()}
	var running sync.WaitGroup
	ended := make(chan struct{})
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.carry(client, addr, ended) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(ended)
		running.Wait()
	})
	return w
}

// carry passes bytes on both ways until one side closes or the test ends.
func (w *Wire) carry(client net.Conn, addr string, ended <-chan struct{}) {
	defer client.Close()
	//nolint:noctx // what it carries ends it
	srv, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer srv.Close()

	var asked atomic.Bool // the client has sent something that is not answered
	var both sync.WaitGroup
	closed := make(chan struct{})
	both.Go(func() {
		pass(srv, client, func() { asked.Store(true) })
		srv.Close()
		close(closed)
	})
	both.Go(func() {
		pass(client, srv, func() {
			if asked.Swap(false) {
				w.trips.Add(1)
			}
		})
		client.Close()
	})
	select {
	case <-closed:
	case <-ended:
		client.Close()
		srv.Close()
	}
	both.Wait()
}

// pass copies src to dst and calls seen before each piece is passed on.
func pass(dst io.Writer, src io.Reader, seen func()) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			seen()
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
