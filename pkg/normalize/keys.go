package normalize

import "bytes"

// Prefect's API keys begin with pnu_ (users) and pnb_ (service accounts) and go
// on with letters and digits. What has so many of them is a key; a display form
// such as pnu_...a1b2 is not.
const minKey = 8

// MaskKeys replaces the secret part of every API key in raw by asterisks, so
// that no key material reaches the disk. It returns raw itself where there
// is none, else a copy of the same length.
func MaskKeys(raw []byte) []byte {
	masked := false
	for i := 0; ; {
		n := bytes.IndexByte(raw[i:], '_')
		if n < 0 {
			return raw
		}
		i += n + 1
		if i < 4 || raw[i-4] != 'p' || raw[i-3] != 'n' || raw[i-2] != 'u' && raw[i-2] != 'b' {
			continue
		}
		end := i
		for end < len(raw) && isAlphanumeric(raw[end]) {
			end++
		}
		if end-i < minKey {
			continue
		}
		if !masked {
			raw, masked = bytes.Clone(raw), true
		}
		for ; i < end; i++ {
			raw[i] = '*'
		}
	}
}

func isAlphanumeric(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}
