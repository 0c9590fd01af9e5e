// Package tenant holds the benchmark of the rewriting of statements in package
// tenant.
package tenant
