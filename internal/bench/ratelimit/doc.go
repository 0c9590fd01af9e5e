// Package ratelimit holds the benchmarks of package ratelimit against its peers.
package ratelimit
