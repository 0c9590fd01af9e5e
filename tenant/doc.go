// Package tenant carries the tenant through a request and refuses SQL that
// forgets it.
package tenant
