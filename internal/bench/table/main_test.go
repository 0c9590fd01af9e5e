package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const rounds = `
goos: linux
BenchmarkDecision/1/mine,_two_windows-2    	 10	 9 ns/op	   40.26 cpu-ns/op	  0 B/op	 0 allocs/op
BenchmarkDecision/1/x/time/rate-2          	 10	 9 ns/op	   2000 cpu-ns/op	  8 B/op	 1 allocs/op
BenchmarkDecision/10/x/time/rate-2         	 10	 9 ns/op	   1 cpu-ns/op	      8 B/op	 1 allocs/op
BenchmarkHeld/mine,_two_windows-2          	 1	 9 ns/op	   3145728 kept-B
PASS
BenchmarkDecision/1/mine,_two_windows-2    	 10	 9 ns/op	   60.26 cpu-ns/op	  0 B/op	 0 allocs/op
BenchmarkDecision/1/x/time/rate-2          	 10	 9 ns/op	   4000 cpu-ns/op	  8 B/op	 1 allocs/op
`

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run([]string{"one key=Decision/1:cpu-ns/op", "allocations=Decision/1:allocs/op", "kept=Held:kept-B"},
		strings.NewReader(rounds), &out))
	require.Equal(t, `| | one key | allocations | kept |
|---|--:|--:|--:|
| mine, two windows | 50.3 ns | 0 | 3.0 MB |
| x/time/rate | 3.00 µs | 1 |  |
`, out.String())
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, column, in string }{
		{"no benchmark", "a=Other:ns/op", rounds},
		{"no unit", "a=Decision", rounds},
		{"no heading", "Decision:ns/op", rounds},
		{"no number", "a=Decision:ns/op", "BenchmarkDecision/mine-2 10 x ns/op"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Error(t, run([]string{tt.column}, strings.NewReader(tt.in), new(strings.Builder)))
		})
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v          float64
		unit, want string
	}{
		{6.54, "cpu-ns/op", "6.5 ns"},
		{304.4, "ns/op", "304 ns"},
		{15_000, "ns/op", "15 µs"},
		{4e6, "gc-ns", "4.0 ms"},
		{57_123, "decisions/s", "57.1 k/s"},
		{1.06, "hits/call", "1.06"},
		{27, "hits/call", "27"},
		{49.7, "B/key", "50"},
	} {
		require.Equal(t, tt.want, show([]float64{tt.v}, tt.unit))
	}
	require.Empty(t, show(nil, "ns/op"))
}
