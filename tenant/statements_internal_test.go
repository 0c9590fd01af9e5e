package tenant

import "testing"

// BenchmarkStatements measures the two parts of the rewriting that Bind adds the
// arguments to: finding a text that is known, and reading one that is not.
func BenchmarkStatements(b *testing.B) {
	const text = `SELECT o.id, o."total", c.name -- newest
FROM orders o JOIN customers c ON c.tenant_id = :tenant AND c.id = o.customer
WHERE o.tenant_id = :tenant AND o.state = 'it''s' AND o.id > $1 LIMIT $2`
	s, err := NewStatements(Postgres, "orders", "customers")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.find(text); err != nil {
		b.Fatal(err)
	}
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if (*s.known.Load())[text] == nil {
				b.Fatal("forgotten")
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.read(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
