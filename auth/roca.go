package auth

import "math/big"

// rocaPrimes are those of the first 71 primes that tell: of which 65537
// generates only a part of the residues.
var rocaPrimes = [...]uint64{
	11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157, 181, 191, 193, 197, 199, 227, 229,
	233, 239, 241, 257, 263, 269, 277, 281, 283, 293, 307, 317, 331, 337, 349, 353,
}

// roca reports whether an RSA modulus was made by the generator of CVE-2017-15361,
// found in smart cards and TPMs: its primes are powers of 65537 modulo many
// small primes, from which the private key can be computed. A sound modulus looks
// like it with a probability of 2⁻⁸³. (Nemec et al., "The Return of
// Coppersmith's Attack", CCS 2017, §3.2.)
func roca(n *big.Int) bool {
	var r, m big.Int
	for _, p := range rocaPrimes {
		residue := r.Mod(n, m.SetUint64(p)).Uint64()
		power := uint64(1)
		for power != residue {
			if power = power * 65537 % p; power == 1 {
				return false // once around, and not met
			}
		}
	}
	return true
}
