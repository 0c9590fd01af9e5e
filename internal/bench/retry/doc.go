// Package retry holds the benchmarks of package retry against its peers.
package retry
