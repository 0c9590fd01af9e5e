//go:build !production

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemoPasses(t *testing.T) {
	t.Parallel()
	var out, errs logBuffer
	require.Equal(t, exitDone, run(t.Context(), []string{"demo"}, nil, &out, &errs), out.String())
	steps := strings.Count(out.String(), "\n  ok    ")
	require.Greater(t, steps, 60)
	require.True(t, strings.HasSuffix(out.String(), fmt.Sprintf("\n%d passed, 0 failed\n", steps)), "the last line")
	require.Empty(t, errs.String())
}

func TestDemoRefusesAURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"x", "sqlite:x.db", "postgres://u:hunter2@127.0.0.1:bad/x", "postgres:/u:hunter2@h/x", "postgres://u:hunter2@127.0.0.1:1/x"} {
		var out logBuffer
		require.Equal(t, exitFailed, run(t.Context(), []string{"demo", "-postgres", url}, nil, &out, &out))
		require.Contains(t, out.String(), "saas: -postgres: ", url)
		require.NotContains(t, out.String(), "hunter2")
	}
}

// A parameter that counts for more than the rest of the URL would lead the walk into
// a database that is not its own.
func TestDemoRefusesAnotherDatabase(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dbname", "database", "user", "password"} {
		var out logBuffer
		url := "postgres://u:hunter2@127.0.0.1:1/x?sslmode=disable&" + name + "=hunter2"
		require.Equal(t, exitFailed, run(t.Context(), []string{"demo", "-postgres", url}, nil, &out, &out))
		require.Contains(t, out.String(), "saas: -postgres: must not hold "+name+" as a parameter")
		require.NotContains(t, out.String(), "hunter2")
	}
}

// A step that goes wrong is printed and counted.
func TestDemoFails(t *testing.T) {
	t.Parallel()
	var out logBuffer
	w := newWalk(t.Context(), &out)
	w.base = start(t, nil).base
	w.step("right", request{do: "GET /livez"}, 200, has("status", "ok"))
	w.step("wrong status", request{do: "GET /livez"}, 201)
	w.step("wrong field", request{do: "GET /livez"}, 200, has("status", "bad"))
	w.step("wrong text", request{do: "GET /livez"}, 200, says("bad"))
	w.step("wrong silence", request{do: "GET /livez"}, 200, silentOn("ok"))
	w.base = "http://127.0.0.1:1"
	w.step("no answer", request{do: "GET /livez"}, 200)
	require.Equal(t, []int{1, 5}, []int{w.passed, w.failed}, out.String())
	require.Equal(t, 5, strings.Count(out.String(), "  FAIL  "))
}
