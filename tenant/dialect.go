package tenant

// A Dialect is a kind of database.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres" // 13 or newer, with row level security
	SQLite   Dialect = "sqlite"   // 3.37 or newer; has no row level security
)
