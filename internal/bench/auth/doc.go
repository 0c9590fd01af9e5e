// Package auth measures package auth beside its peers: token verification by
// `make bench-auth`, and which hostile tokens each of them accepts.
package auth
