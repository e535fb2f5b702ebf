package normalize_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"os"
	"slices"
	"testing"
)

// writeMMDB writes a MaxMind database (format 2.0, IPv4, records of 24 bits)
// that knows one network. https://maxmind.github.io/MaxMind-DB/
func writeMMDB(t *testing.T, path string, network string, data map[string]any) {
	t.Helper()
	prefix := netip.MustParsePrefix(network)
	nodes := prefix.Bits() // one node a bit, on the way to the network
	var b bytes.Buffer
	record := func(n int) { b.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n)}) }
	address := binary.BigEndian.Uint32(prefix.Addr().AsSlice())
	for i := range nodes {
		next := i + 1
		if next == nodes {
			next = nodes + 16 // the data section's first value
		}
		if address>>(31-i)&1 == 0 {
			record(next)
			record(nodes) // not found
		} else {
			record(nodes)
			record(next)
		}
	}
	b.Write(make([]byte, 16))
	mmdbValue(&b, data)
	b.WriteString("\xab\xcd\xefMaxMind.com")
	mmdbValue(&b, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0),
		"build_epoch": uint64(1793606400), "database_type": "Test", "description": map[string]any{"en": "test"},
		"ip_version": uint16(4), "languages": []any{"en"}, "node_count": uint32(nodes), "record_size": uint16(24),
	})
	if err := os.WriteFile(path+".new", b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func mmdbValue(b *bytes.Buffer, v any) {
	control := func(kind, size int) {
		if kind > 7 {
			b.Write([]byte{byte(size), byte(kind - 7)})
			return
		}
		b.WriteByte(byte(kind<<5 | size))
	}
	switch v := v.(type) {
	case map[string]any:
		control(7, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			mmdbValue(b, name)
			mmdbValue(b, v[name])
		}
	case []any:
		control(11, len(v))
		for _, one := range v {
			mmdbValue(b, one)
		}
	case string:
		control(2, min(len(v), 29))
		if len(v) >= 29 { // up to 284: the rest of the length is in the next byte
			b.WriteByte(byte(len(v) - 29))
		}
		b.WriteString(v)
	case float64:
		control(3, 8)
		b.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case uint16:
		control(5, 2)
		b.Write(binary.BigEndian.AppendUint16(nil, v))
	case uint32:
		control(6, 4)
		b.Write(binary.BigEndian.AppendUint32(nil, v))
	case uint64:
		control(9, 8)
		b.Write(binary.BigEndian.AppendUint64(nil, v))
	default:
		panic("a type that this writer does not know")
	}
}
