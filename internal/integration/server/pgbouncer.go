package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PgBouncer starts a PgBouncer in transaction mode before a cluster for the test:
// its clients share size server connections per login and database. What is
// returned has the URL and Open of a cluster, for the logins named here. Without
// PgBouncer, see [Require].
func PgBouncer(t testing.TB, c Cluster, size int, logins ...string) Cluster {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // where Debian puts it, outside a user's PATH
		_, err = os.Stat(program)
	}
	Require(t, "pgbouncer", err == nil, "apt-get install pgbouncer")

	_, postgresPort, _ := strings.Cut(c.Addr, ":")
	var users strings.Builder
	for _, login := range logins {
		fmt.Fprintf(&users, "%q \"\"\n", login)
	}
	write := func(name, text string) string {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatalf("server: %v", err)
		}
		return name
	}
	return Cluster{Start(t, Spec{
		Path: program,
		Args: func(port int, dir string) []string {
			users := write(filepath.Join(dir, "users.txt"), users.String())
			return []string{write(filepath.Join(dir, "pgbouncer.ini"), fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 200
`, postgresPort, port, users, size))}
		},
	})}
}
