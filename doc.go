// Package rowhouse is the root of a set of building blocks for multi-tenant
// services. It holds no code: import the package you need.
//
// The packages know nothing of each other. Where one needs a fact that another
// holds, it declares a small function type, and the application writes the
// function: who asks is what auth.FromContext returns, and an rbac.Lookup finds
// that person's role in the organization of the request. All such joints of a
// full service fit into one file, examples/saas/joints.go.
package rowhouse
