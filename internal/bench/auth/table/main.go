// Command table turns the output of package auth's benchmarks, any number of
// rounds of it, into the Markdown table of docs/benchmarks.md.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A result is what one benchmark measured, one value for each round.
type result struct {
	cpu, bytes, allocs []float64
}

// results are by "algorithm/library", or "hostile/library"; accepted hostile
// tokens are by library.
type results struct {
	order    []string // of the libraries
	by       map[string]*result
	accepted map[string]string
}

var (
	algorithms = []string{"RS256", "ES256", "EdDSA"}
	line       = regexp.MustCompile(`^Benchmark(Verify|Hostile)/(.+?)(?:-\d+)?\s+\d+\s+(.+)$`)
)

const raw = "raw crypto"

func main() {
	log.SetFlags(0)
	r, err := read(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	if len(r.by) == 0 {
		log.Fatal("no benchmark in the input")
	}
	r.print(os.Stdout)
}

func read(in io.Reader) (*results, error) {
	r := &results{by: make(map[string]*result), accepted: make(map[string]string)}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if f := strings.Split(lines.Text(), "\t"); f[0] == "attacks" && len(f) == 4 {
			r.accepted[f[1]] = f[2] + " of " + f[3]
			continue
		}
		m := line.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		name := strings.ReplaceAll(m[2], "_", " ")
		library, key := name, "hostile/"+name
		if m[1] == "Verify" {
			_, library, _ = strings.Cut(name, "/")
			key = name
		}
		if !slices.Contains(r.order, library) {
			r.order = append(r.order, library)
		}
		if r.by[key] == nil {
			r.by[key] = &result{}
		}
		if err := r.by[key].add(strings.Fields(m[3])); err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
	}
	return r, lines.Err()
}

// add takes the fields "12 ns/op 34 cpu-ns/op 56 B/op 7 allocs/op".
func (r *result) add(fields []string) error {
	for pair := range slices.Chunk(fields, 2) {
		if len(pair) != 2 {
			return fmt.Errorf("odd field %q", pair[0])
		}
		v, err := strconv.ParseFloat(pair[0], 64)
		if err != nil {
			return err
		}
		switch pair[1] {
		case "cpu-ns/op":
			r.cpu = append(r.cpu, v)
		case "B/op":
			r.bytes = append(r.bytes, v)
		case "allocs/op":
			r.allocs = append(r.allocs, v)
		}
	}
	return nil
}

func (r *results) print(out io.Writer) {
	fmt.Fprint(out, "| |")
	for _, alg := range algorithms {
		fmt.Fprintf(out, " %s | × raw |", alg)
	}
	fmt.Fprint(out, " allocations | bytes | 1 MB refused in | allocating |")
	if len(r.accepted) > 0 {
		fmt.Fprint(out, " hostile tokens accepted |")
	}
	columns := 2*len(algorithms) + 4 // behind the first
	if len(r.accepted) > 0 {
		columns++
	}
	fmt.Fprintln(out, "\n|---|"+strings.Repeat("--:|", columns))
	for _, library := range r.order {
		fmt.Fprintf(out, "| %s |", library)
		for _, alg := range algorithms {
			own := r.by[alg+"/"+library]
			if own == nil {
				fmt.Fprint(out, " | |")
				continue
			}
			fmt.Fprintf(out, " %s | %.2f |", duration(median(own.cpu)), median(ratios(own.cpu, r.by[alg+"/"+raw].cpu)))
		}
		rs := r.by["RS256/"+library]
		fmt.Fprintf(out, " %.0f | %.0f |", median(rs.allocs), median(rs.bytes))
		if h := r.by["hostile/"+library]; h != nil {
			fmt.Fprintf(out, " %s | %s |", duration(median(h.cpu)), size(median(h.bytes)))
		} else {
			fmt.Fprint(out, " | |")
		}
		if len(r.accepted) > 0 {
			fmt.Fprintf(out, " %s |", r.accepted[library])
		}
		fmt.Fprintln(out)
	}
}

// ratios divides each round by the base of the same round: what slowed the
// machine down then, slowed both.
func ratios(own, base []float64) []float64 {
	n := min(len(own), len(base))
	out := make([]float64, n)
	for i := range out {
		out[i] = own[i] / base[i]
	}
	return out
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

func duration(ns float64) string {
	switch {
	case ns < 10_000:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	case ns < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ms", ns/1e6)
}

func size(bytes float64) string {
	if bytes < 1<<10 {
		return fmt.Sprintf("%.0f B", bytes)
	}
	return fmt.Sprintf("%.1f MB", bytes/(1<<20))
}
