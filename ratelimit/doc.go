// Package ratelimit limits requests per key, several windows at once.
package ratelimit
