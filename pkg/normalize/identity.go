package normalize

import "encoding/hex"

// derivedID makes an id of a record's hash, for a record that has none: a UUID
// of version 8 (RFC 9562: custom), so that the same record gets the same id.
func derivedID(dst []byte, hash *[32]byte) []byte {
	var u [16]byte
	copy(u[:], hash[:])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	for i, part := range [...][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
