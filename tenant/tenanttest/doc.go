// Package tenanttest proves that a PostgreSQL schema keeps its tenants apart.
package tenanttest
