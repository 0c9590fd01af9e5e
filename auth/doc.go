// Package auth verifies bearer tokens against a cached, self-refreshing key set.
//
// A [Verifier] accepts JSON Web Tokens (RFC 7519) of the issuers it is
// configured for, under the practices of RFC 8725, and refuses everything that
// is not exactly such a token: duplicate members, unknown critical headers, ID
// tokens, tokens for another audience. It keeps working through key rotation and
// through outages of the issuer, and tells its own failures (503) from the
// token's (401).
//
//	func main() {
//		verifier, err := auth.New(auth.Auth0("example.eu.auth0.com", "https://api.example.com"))
//		if err != nil {
//			log.Fatal(err) // every fault of the configuration at once
//		}
//		defer verifier.Close()
//		hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//			claims, _ := auth.FromContext(r.Context())
//			fmt.Fprintln(w, claims.Principal())
//		})
//		log.Fatal(http.ListenAndServe("127.0.0.1:8080", verifier.Middleware(hello)))
//	}
//
// # Configuration
//
// A [Config] is data. [Auth0], [Keycloak], [Cognito], [Ory] and [OIDC] return one
// for their provider; [New] takes one for each issuer. What is dangerous says
// so in its name: InsecureHTTP, [InsecureAnonymous].
//
// # Keys
//
// Without Config.Keys the issuer's key set is found by OpenID Connect Discovery
// and refreshed ahead of time by a [RemoteKeySet]. [DiscoverKeys] gives you that
// set with its options, to drop a leaked key for example, [RemoteKeys] reads one
// from a known URL, [StaticKeys] from a document. Any [KeySource] will do.
//
// # Who it is
//
// [Claims.Principal] is the one string to key data by. [Claims.Subject] is
// unique within one issuer only, and there a program may carry the same one as a
// person.
//
// # What it does not do
//
// It issues no tokens, has no login, and reads neither cookies nor the query. It
// does not decrypt (JWE), introspect opaque tokens (RFC 7662) or check proof of
// possession (RFC 9449). A verified token says who is asking; what they may do
// is for package rbac, or your own code, to decide.
//
// Package [github.com/rowhouse-go/rowhouse/auth/authtest] runs an issuer for
// tests.
package auth
