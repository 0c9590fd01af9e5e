// Package rowhouse is the root of a set of independent building blocks for
// multi-tenant services. It holds no code: import the package you need.
package rowhouse
