package rbactest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// Matrix compares the whole table of p with the golden file of that name, and
// logs the table, which go test shows with -v. The table has
//
//   - role × permission;
//   - for each path of [rbac.Paths] the permission it needs and, for each role of
//     the actor, the target and the role given, the answer of
//     [rbac.Policy.CheckChange], with the changes made to oneself and by the last
//     owner in rows of their own.
//
// It reports, with Errorf, every line that differs. A golden file that does not
// exist is written, with its directory, and reported too.
func Matrix(t testing.TB, p *rbac.Policy, golden string) {
	t.Helper()
	got := table(p)
	t.Logf("policy:\n%s", got)
	data, err := os.ReadFile(golden)
	if errors.Is(err, fs.ErrNotExist) {
		if err := write(golden, got); err != nil {
			t.Errorf("rbactest: there is no %s and it can't be written: %v", golden, err)
			return
		}
		t.Errorf("rbactest: %s did not exist and was written: read it, commit it, run again", golden)
		return
	}
	if err != nil {
		t.Errorf("rbactest: %v", err)
		return
	}
	want := strings.ReplaceAll(string(data), "\r\n", "\n") // a checkout on Windows
	if diff := difference(want, got); diff != "" {
		t.Errorf("rbactest: the policy differs from %s (- file, + policy):\n%sif this is meant, delete the file and run again", golden, diff)
	}
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// difference lists the lines that are only in want or only in got, each under the
// heading of its section. Lines carry their row's name, so an edit script would
// say no more.
func difference(want, got string) string {
	if want == got {
		return ""
	}
	var b strings.Builder
	before, after := sections(want), sections(got)
	for _, s := range after {
		old := find(before, s.head)
		list(&b, s.head, minus(old.rows, s.rows), minus(s.rows, old.rows))
	}
	for _, s := range before {
		if find(after, s.head).head == "" {
			list(&b, s.head, s.rows, nil)
		}
	}
	if b.Len() == 0 {
		return "the same lines in another order\n"
	}
	return b.String()
}

type section struct {
	head string
	rows []string
}

func sections(text string) []section {
	var all []section
	for part := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n\n") {
		lines := strings.Split(part, "\n")
		all = append(all, section{lines[0], lines[1:]})
	}
	return all
}

func find(all []section, head string) section {
	for _, s := range all {
		if s.head == head {
			return s
		}
	}
	return section{}
}

func minus(a, b []string) []string {
	in := make(map[string]bool, len(b))
	for _, line := range b {
		in[line] = true
	}
	var rest []string
	for _, line := range a {
		if !in[line] {
			rest = append(rest, line)
		}
	}
	return rest
}

func list(b *strings.Builder, head string, before, after []string) {
	if len(before)+len(after) == 0 {
		return
	}
	b.WriteString(head + "\n")
	for _, line := range before {
		b.WriteString("- " + line + "\n")
	}
	for _, line := range after {
		b.WriteString("+ " + line + "\n")
	}
}
