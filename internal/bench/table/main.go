// Command table turns the output of benchmarks, any number of rounds of it, into a
// Markdown table with a line for each library. Its arguments are the columns:
//
//	table 'one key=Decision/1:cpu-ns/op' 'held=Held:B/key' <output
//
// A column has a heading, the benchmark that libraries are the sub-benchmarks of, and
// the unit of what to show: the median of the rounds.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A column shows what was measured in a unit by a benchmark.
type column struct{ heading, benchmark, unit string }

// A cell names what was measured of a library.
type cell struct {
	column
	library string
}

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		log.Fatal("table: ", err)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	columns, err := parse(args)
	if err != nil {
		return err
	}
	libraries, cells, err := read(in, columns)
	if err != nil {
		return err
	}
	if len(libraries) == 0 {
		return errors.New("no benchmark in the input")
	}
	fmt.Fprint(out, "| |")
	for _, c := range columns {
		fmt.Fprintf(out, " %s |", c.heading)
	}
	fmt.Fprintln(out, "\n|---|"+strings.Repeat("--:|", len(columns)))
	for _, library := range libraries {
		fmt.Fprintf(out, "| %s |", library)
		for _, c := range columns {
			fmt.Fprintf(out, " %s |", show(cells[cell{c, library}], c.unit))
		}
		fmt.Fprintln(out)
	}
	return nil
}

func parse(args []string) ([]column, error) {
	var columns []column
	for _, arg := range args {
		heading, rest, ok := strings.Cut(arg, "=")
		benchmark, unit, ok2 := strings.Cut(rest, ":")
		if !ok || !ok2 {
			return nil, fmt.Errorf("%q: want heading=benchmark:unit", arg)
		}
		columns = append(columns, column{heading, benchmark, unit})
	}
	return columns, nil
}

// read collects what the columns show, a value for each round, and the libraries in
// the order they come.
func read(in io.Reader, columns []column) (libraries []string, cells map[cell][]float64, err error) {
	cells = make(map[cell][]float64)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		// "BenchmarkDecision/10/a_library-2  100  12.5 ns/op  3 B/op"
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i >= 0 && strings.Trim(name[i+1:], "0123456789") == "" {
			name = name[:i] // the number of processors
		}
		name = strings.ReplaceAll(name, "_", " ")
		for _, c := range columns {
			library, ok := strings.CutPrefix(name, c.benchmark+"/")
			if !ok {
				continue
			}
			if !slices.Contains(libraries, library) {
				libraries = append(libraries, library)
			}
			for pair := range slices.Chunk(fields[2:], 2) {
				if len(pair) != 2 || pair[1] != c.unit {
					continue
				}
				v, err := strconv.ParseFloat(pair[0], 64)
				if err != nil {
					return nil, nil, fmt.Errorf("%q: %w", lines.Text(), err)
				}
				cells[cell{c, library}] = append(cells[cell{c, library}], v)
			}
		}
	}
	return libraries, cells, lines.Err()
}

// show is the median of rounds with its unit, or nothing.
func show(rounds []float64, unit string) string {
	if len(rounds) == 0 {
		return ""
	}
	v := median(rounds)
	switch unit {
	case "ns/op", "cpu-ns/op", "server-ns/op", "gc-ns", "slowest-ns", "median-ns":
		return duration(v)
	case "kept-B":
		return fmt.Sprintf("%.1f MB", v/(1<<20))
	case "decisions/s":
		return fmt.Sprintf("%.1f k/s", v/1000)
	case "hits/call":
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return fmt.Sprintf("%.0f", v)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

func duration(ns float64) string {
	switch {
	case ns < 100:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 10e3:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	case ns < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ms", ns/1e6)
}
