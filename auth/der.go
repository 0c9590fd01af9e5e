package auth

// maxDER is the size of the longest signature, one of P-521.
const maxDER = 3 + 2*(2+1+66)

// appendDER encodes r and s, the two halves of rs, as ECDSA-Sig-Value (RFC 3279
// §2.2.3) in DER.
func appendDER(dst, rs []byte) []byte {
	r, s := number(rs[:len(rs)/2]), number(rs[len(rs)/2:])
	n := len(r) + len(s) + 4
	for _, half := range [][]byte{r, s} {
		if half[0]&0x80 != 0 {
			n++
		}
	}
	dst = append(dst, 0x30)
	if n > 0x7f {
		dst = append(dst, 0x81)
	}
	dst = append(dst, byte(n))
	for _, half := range [][]byte{r, s} {
		if half[0]&0x80 != 0 { // not a sign
			dst = append(dst, 0x02, byte(len(half)+1), 0)
		} else {
			dst = append(dst, 0x02, byte(len(half)))
		}
		dst = append(dst, half...)
	}
	return dst
}

// number cuts leading zeros, but for the last byte.
func number(b []byte) []byte {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return b
}
