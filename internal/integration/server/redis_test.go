package server_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

func TestRedis(t *testing.T) {
	t.Parallel()
	r := server.Redis(t)
	addr := r.Addr
	r.Pause(t)
	r.Resume(t)
	r.Kill(t)
	_, err := net.Dial("tcp", addr)
	require.Error(t, err)
	r.Restart(t)
	require.Equal(t, addr, r.Addr)
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	nodes := server.RedisCluster(t)
	require.Len(t, nodes, 3)
}
