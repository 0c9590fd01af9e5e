// Package retry retries what is safe to retry, with a budget.
package retry
