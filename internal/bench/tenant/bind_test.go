package tenant_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// A statement of 190 bytes, with what a lexer might stumble over.
const statement = `SELECT o.id, o."total", c.name -- newest
FROM orders o JOIN customers c ON c.tenant_id = :tenant AND c.id = o.customer
WHERE o.tenant_id = :tenant AND o.state = 'it''s' AND o.id > $1 LIMIT $2`

// BenchmarkBindKnown is what each call costs, BenchmarkBindNew what the first one
// of a statement costs; both with the new arguments.
func BenchmarkBindKnown(b *testing.B) {
	s, id := setUp(b)
	args := []any{"a", "b"}
	bind(b, s, id, statement, args)
	defer cpu.PerOp(b)()
	for b.Loop() {
		bind(b, s, id, statement, args)
	}
}

func BenchmarkBindKnownParallel(b *testing.B) {
	s, id := setUp(b)
	args := []any{"a", "b"}
	bind(b, s, id, statement, args)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			bind(b, s, id, statement, args)
		}
	})
}

func BenchmarkBindNew(b *testing.B) {
	s, id := setUp(b)
	args := []any{"a", "b"}
	texts := make([]string, 4096)
	for i := range texts {
		texts[i] = statement + " OFFSET " + strconv.Itoa(i)
	}
	i := 0
	defer cpu.PerOp(b)()
	for b.Loop() {
		if i == len(texts) {
			s, _ = setUp(b)
			i = 0
		}
		bind(b, s, id, texts[i], args)
		i++
	}
}

func setUp(b *testing.B) (*tenant.Statements, tenant.ID) {
	b.Helper()
	b.ReportAllocs()
	s, err := tenant.NewStatements(tenant.Postgres, "orders", "customers")
	require.NoError(b, err)
	id, err := tenant.ParseID("0192f0c1-2345-7000-8000-000000000001")
	require.NoError(b, err)
	return s, id
}

func bind(b *testing.B, s *tenant.Statements, id tenant.ID, text string, args []any) {
	if _, _, err := s.Bind(text, id, args); err != nil {
		b.Fatal(err)
	}
}
