// Package rbac holds the benchmark of package rbac against casbin, and the test
// that both answer alike.
package rbac
