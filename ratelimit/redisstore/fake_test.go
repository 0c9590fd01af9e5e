package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

var limits = ratelimit.Limits{ratelimit.PerMinute(10), {Name: "slide", Quota: 10, Window: ratelimit.PerHour(1).Window, Sliding: true}}

// A fake is a server that is one function.
type fake func(ctx context.Context, cmd redis.Cmder) ([]int64, error)

func (f fake) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f fake) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (f fake) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		answer, err := f(ctx, cmd)
		if c, ok := cmd.(*redis.IntSliceCmd); ok && err == nil {
			c.SetVal(answer)
		}
		cmd.SetErr(err)
		return err
	}
}

func newStore(t testing.TB, f fake, o *redisstore.Options) *redisstore.Store {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { client.Close() })
	client.AddHook(f)
	s, err := redisstore.New(client, o)
	require.NoError(t, err)
	return s
}

// granted is the script's answer to one unit of limits.
func granted(context.Context, redis.Cmder) ([]int64, error) {
	return []int64{1, 6e9, 1, 0, 4e9}, nil
}

// answering returns a client of a server that answers every question with the same text.
func answering(t testing.TB, text string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Protocol: 2, DisableIdentity: true, MaxRetries: -1,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				for in := bufio.NewReader(there); ; {
					name, err := readCommand(in)
					if err != nil {
						return
					}
					answer := text
					if name == "hello" {
						answer = "-ERR unknown command\r\n"
					}
					if _, err := io.WriteString(there, answer); err != nil {
						return
					}
				}
			}()
			return here, nil
		},
	})
	t.Cleanup(func() { client.Close() })
	return client
}

// readCommand reads a command and returns its name.
func readCommand(in *bufio.Reader) (name string, err error) {
	var parts int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &parts); err != nil {
		return "", err
	}
	for i := range parts {
		var size int
		if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
			return "", err
		}
		part := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(in, part); err != nil {
			return "", err
		}
		if i == 0 {
			name = string(part[:size])
		}
	}
	return name, nil
}
