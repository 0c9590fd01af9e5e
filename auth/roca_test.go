package auth_test

import (
	"encoding/base64"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// Project Wycheproof's example, json_web_key_test.json, tcId 7.
const rocaModulus = "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId7fe4r11CqRw09yBFuW79V8" +
	"sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGu" +
	"Rh7YXsX3iMUSP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE"

func TestBrokenGenerator(t *testing.T) {
	t.Parallel()
	raw, err := base64.RawURLEncoding.DecodeString(rocaModulus)
	require.NoError(t, err)
	n := new(big.Int).SetBytes(raw)
	rsaKey := func(n *big.Int) object { return object{"kty": "RSA", "n": b64(n.Bytes()), "e": "AQAB"} }
	sound := jwkOf(t, keys().ec, "ec", nil)

	set, err := auth.StaticKeys(jwks(t, rsaKey(n), sound))
	require.NoError(t, err)
	require.Len(t, set.Skipped(), 1)
	require.Contains(t, set.Skipped()[0].Reason, "CVE-2017-15361")

	// Its neighbours are just numbers: the test tells moduli apart, not sizes.
	for d := int64(2); d <= 200; d += 2 {
		set, err := auth.StaticKeys(jwks(t, rsaKey(new(big.Int).Add(n, big.NewInt(d))), sound))
		require.NoError(t, err)
		require.Empty(t, set.Skipped())
	}
}
