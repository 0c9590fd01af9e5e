// Package redisstore counts in Redis, for replicas that share their limits.
package redisstore
