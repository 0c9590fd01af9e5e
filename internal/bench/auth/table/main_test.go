package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	t.Parallel()
	r, err := read(strings.NewReader(`
goos: linux
attacks	mine	0	9
BenchmarkVerify/RS256/raw_crypto-2   	 10	 9 ns/op	 20000 cpu-ns/op	 8 B/op	 1 allocs/op
BenchmarkVerify/RS256/mine-2         	 10	 9 ns/op	 22000 cpu-ns/op	 2000 B/op	 7 allocs/op
BenchmarkHostile/mine-2              	 10	 9 ns/op	   300 cpu-ns/op	   48 B/op	 1 allocs/op
PASS
BenchmarkVerify/RS256/raw_crypto-2   	 10	 9 ns/op	 40000 cpu-ns/op	 8 B/op	 1 allocs/op
BenchmarkVerify/RS256/mine-2         	 10	 9 ns/op	 48000 cpu-ns/op	 2000 B/op	 7 allocs/op
BenchmarkHostile/mine-2              	 10	 9 ns/op	1000000 cpu-ns/op	 3145728 B/op	 1 allocs/op
`))
	require.NoError(t, err)
	var out strings.Builder
	r.print(&out)
	require.Equal(t, `| | RS256 | × raw | ES256 | × raw | EdDSA | × raw | allocations | bytes | 1 MB refused in | allocating | hostile tokens accepted |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| raw crypto | 30 µs | 1.00 | | | | | 1 | 8 | | |  |
| mine | 35 µs | 1.15 | | | | | 7 | 2000 | 500 µs | 1.5 MB | 0 of 9 |
`, out.String())

	_, err = read(strings.NewReader("BenchmarkVerify/RS256/mine-2 10 x ns/op"))
	require.Error(t, err)
}
