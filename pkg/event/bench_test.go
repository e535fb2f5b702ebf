package event

import (
	"strings"
	"testing"
)

// BenchmarkAppendQuoted quotes a record, as texts in JSON are, and an id.
func BenchmarkAppendQuoted(b *testing.B) {
	for name, s := range map[string]string{
		"record": strings.Repeat(`{"prefect.resource.id":"prefect-cloud.user.1fec0f61","attempt":3},`, 16),
		"id":     "5cc60547-7769-42ba-ba0a-000000000000",
	} {
		b.Run(name, func(b *testing.B) {
			dst, bytes := make([]byte, 0, 4096), []byte(s)
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendQuoted(dst[:0], s)
				dst = AppendQuoted(dst[:0], bytes)
			}
		})
	}
}
