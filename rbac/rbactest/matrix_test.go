package rbactest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/rbactest"
)

// recorder is a testing.TB that keeps what a test under test reports.
type recorder struct {
	testing.TB
	errors []string
	logs   []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }
func (r *recorder) Logf(f string, a ...any)   { r.logs = append(r.logs, fmt.Sprintf(f, a...)) }

func TestMatrixDefaultPolicy(t *testing.T) {
	t.Parallel()
	rbactest.Matrix(t, rbac.DefaultPolicy(), "testdata/default.golden")
}

// Roles that are neither above nor below each other, another owner role, and
// paths that need other permissions than by default.
func TestMatrixOwnPolicy(t *testing.T) {
	t.Parallel()
	rbactest.Matrix(t, ownPolicy(t, true), "testdata/own.golden")
}

func ownPolicy(t *testing.T, supportReads bool) *rbac.Policy {
	t.Helper()
	support := []rbac.Permission{rbac.MemberAdd, rbac.MemberRemove}
	if supportReads {
		support = append(support, "ticket:read")
	}
	p, err := rbac.NewPolicy([]rbac.Grant{
		{Role: "captain", Permissions: []rbac.Permission{
			rbac.MemberAdd, rbac.MemberRemove, rbac.MemberChangeRole, rbac.OrganizationTransfer, "member:import", "invoice:pay", "ticket:read",
		}},
		{Role: "billing", Permissions: []rbac.Permission{"invoice:pay", rbac.MemberAdd, rbac.MemberChangeRole}},
		{Role: "support", Permissions: support},
		{Role: "guest"},
	}, &rbac.Options{Owner: "captain", Needs: map[rbac.Path]rbac.Permission{rbac.PathImport: "member:import"}})
	require.NoError(t, err)
	return p
}

func TestMatrixWritesMissingFileAndFails(t *testing.T) {
	t.Parallel()
	golden := filepath.Join(t.TempDir(), "testdata", "new.golden")

	first := &recorder{TB: t}
	rbactest.Matrix(first, rbac.DefaultPolicy(), golden)
	require.Len(t, first.errors, 1)
	require.Contains(t, first.errors[0], "did not exist and was written")

	second := &recorder{TB: t}
	rbactest.Matrix(second, rbac.DefaultPolicy(), golden)
	require.Empty(t, second.errors)

	written, err := os.ReadFile(golden)
	require.NoError(t, err)
	committed, err := os.ReadFile("testdata/default.golden")
	require.NoError(t, err)
	require.Equal(t, string(committed), string(written))
	require.Contains(t, second.logs[0], string(written), "the table is printed")
}

func TestMatrixNamesEachChangedLine(t *testing.T) {
	t.Parallel()
	golden := filepath.Join(t.TempDir(), "own.golden")
	rbactest.Matrix(&recorder{TB: t}, ownPolicy(t, true), golden)

	r := &recorder{TB: t}
	rbactest.Matrix(r, ownPolicy(t, false), golden)
	require.Len(t, r.errors, 1)
	lines := strings.Split(r.errors[0], "\n")
	require.Contains(t, lines, "permissions")
	require.Contains(t, r.errors[0], "- ticket:read")
	require.Contains(t, r.errors[0], "+ ticket:read")
	require.Contains(t, r.errors[0], "delete the file and run again")
	require.NotContains(t, r.errors[0], "invoice:pay", "lines that are equal are not shown")
}

func TestMatrixSeesEveryKindOfDifference(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/default.golden")
	require.NoError(t, err)
	whole := string(data)
	sections := strings.Split(whole, "\n\n")
	require.Greater(t, len(sections), 8)

	for name, text := range map[string]string{
		"one cell":          strings.Replace(whole, "last-owner", "allow", 1),
		"a section missing": strings.Join(sections[1:], "\n\n"),
		"a section more":    whole + "\nnew\nrow\n",
		"another order":     strings.Join(append([]string{sections[1], sections[0]}, sections[2:]...), "\n\n"),
		"empty":             "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join(t.TempDir(), "changed.golden")
			require.NoError(t, os.WriteFile(golden, []byte(text), 0o600))
			r := &recorder{TB: t}
			rbactest.Matrix(r, rbac.DefaultPolicy(), golden)
			require.Len(t, r.errors, 1)
			after, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, text, string(after), "a file that exists is never overwritten")
		})
	}

	golden := filepath.Join(t.TempDir(), "windows.golden")
	require.NoError(t, os.WriteFile(golden, []byte(strings.ReplaceAll(whole, "\n", "\r\n")), 0o600))
	r := &recorder{TB: t}
	rbactest.Matrix(r, rbac.DefaultPolicy(), golden)
	require.Empty(t, r.errors, "line ends of a Windows checkout are no difference")
}

func TestMatrixReportsUnreadableAndUnwritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := &recorder{TB: t}
	rbactest.Matrix(r, rbac.DefaultPolicy(), dir) // a directory
	require.Len(t, r.errors, 1)

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r = &recorder{TB: t}
	rbactest.Matrix(r, rbac.DefaultPolicy(), filepath.Join(file, "x.golden")) // below a file
	require.Len(t, r.errors, 1)
}
