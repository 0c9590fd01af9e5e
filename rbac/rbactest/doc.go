// Package rbactest pins what a policy allows.
package rbactest
