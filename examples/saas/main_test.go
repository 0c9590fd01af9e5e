package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, exitUsage, "usage: saas"},
		{[]string{"help"}, exitDone, "usage: saas"},
		{[]string{"--help"}, exitDone, "usage: saas"},
		{[]string{"serve", "-h"}, exitDone, "usage: saas"},
		{[]string{"start"}, exitUsage, `there is no command "start"`},
		{[]string{"serve", "--color"}, exitUsage, "-color"},
		{[]string{"serve", "now"}, exitUsage, "serve takes no arguments"},
		{[]string{"demo", "now"}, exitUsage, "demo takes no arguments"},
	} {
		var out logBuffer
		require.Equal(t, c.status, run(t.Context(), c.args, nil, &out, &out), c.args)
		require.Contains(t, out.String(), c.says)
	}
}

func TestServeTellsWhyItCantStart(t *testing.T) {
	t.Parallel()
	for fault, change := range map[string]string{
		"database: ":   "DATABASE_URL=sqlite:/nowhere/at/all/saas.db",
		"LISTEN_ADDR:": "LISTEN_ADDR=192.0.2.1:1",
	} {
		var out logBuffer
		environ := []string{"LISTEN_ADDR=127.0.0.1:0", "DATABASE_URL=sqlite:" + t.TempDir() + "/saas.db"}
		for name, value := range environment(t, "https://id.example") {
			environ = append(environ, name+"="+value)
		}
		require.Equal(t, exitFailed, run(t.Context(), []string{"serve"}, append(environ, change), &out, &out))
		require.Contains(t, out.String(), fault)
	}
}
