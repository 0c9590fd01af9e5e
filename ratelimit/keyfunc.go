package ratelimit

import "net/http"

// A KeyFunc finds the key of a request: whose quota it is charged to. ok is false if
// the request has none; the middleware then charges one bucket shared by all such
// requests.
type KeyFunc func(*http.Request) (key string, ok bool)
