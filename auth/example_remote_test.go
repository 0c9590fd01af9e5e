package auth_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rowhouse-go/rowhouse/auth"
)

// Where an issuer has no discovery document, or a mirror of its keys, the key
// set is named by its URLs.
func ExampleRemoteKeys() {
	issuer := start()
	defer issuer.Close()

	keys := auth.RemoteKeys(issuer.KeysURL(), &auth.RemoteKeysOptions{
		Failover: []string{"https://mirror.example.com/jwks.json"},
		MaxStale: 6 * time.Hour,
	})
	defer keys.Close()

	config := auth.OIDC(issuer.URL(), "https://api.test")
	config.Keys = keys
	verifier, err := auth.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	claims, err := verifier.Verify(context.Background(), issuer.Sign(nil))
	fmt.Println(claims.Subject(), err)
	// Output: alice <nil>
}

// DiscoverKeys is what a Config without Keys uses. Naming it gives its options and
// methods.
func ExampleDiscoverKeys() {
	issuer := start()
	defer issuer.Close()

	keys := auth.DiscoverKeys(issuer.URL(), &auth.RemoteKeysOptions{MaxStale: 6 * time.Hour})
	defer keys.Close()

	config := auth.OIDC(issuer.URL(), "https://api.test")
	config.Keys = keys
	verifier, err := auth.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	_, err = verifier.Verify(context.Background(), issuer.Sign(nil))
	fmt.Println(err, keys.Status().Keys)
	// Output: <nil> 1
}

// A service that should not take traffic before it can verify waits for its
// keys, within bounds.
func ExampleRemoteKeySet_Ready() {
	issuer := start()
	defer issuer.Close()
	keys := auth.RemoteKeys(issuer.KeysURL(), nil)
	defer keys.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := keys.Ready(ctx); err != nil {
		log.Fatal(err)
	}
	s := keys.Status()
	fmt.Println(s.Usable, s.Keys, s.Err)
	// Output: true 1 <nil>
}

// A private key leaked: its public half verifies nothing from now on, even if
// the issuer goes on publishing it.
func ExampleRemoteKeySet_Drop() {
	issuer := start()
	defer issuer.Close()
	keys := auth.RemoteKeys(issuer.KeysURL(), nil)
	defer keys.Close()
	config := auth.OIDC(issuer.URL(), "https://api.test")
	config.Keys = keys
	verifier, err := auth.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()
	ctx := context.Background()

	leaked := issuer.Key("").Kid
	token := issuer.Sign(nil)
	_, err = verifier.Verify(ctx, token)
	fmt.Println(err)
	fmt.Println(keys.Drop(leaked), "dropped")
	_, err = verifier.Verify(ctx, token)
	fmt.Println(err)
	// Output:
	// <nil>
	// 1 dropped
	// auth: the token's key is unknown
}

// An operator who changed keys at the issuer makes the change take effect now.
func ExampleRemoteKeySet_Refresh() {
	issuer := start()
	defer issuer.Close()
	keys := auth.RemoteKeys(issuer.KeysURL(), nil)
	defer keys.Close()

	issuer.RotateKeepOld()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := keys.Refresh(ctx)
	fmt.Println(keys.Status().Keys, err)
	// Output: 2 <nil>
}
