package prefectcloud

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkDecodePage reads a full page of the Cloud.
func BenchmarkDecodePage(b *testing.B) {
	var events [][]byte
	for i := range cloudPage {
		events = append(events, fmt.Appendf(nil, `{"occurred":"2026-11-02T08:00:00.%06dZ","event":"prefect-cloud.api-key.created","resource":{"prefect.resource.id":"prefect-cloud.api-key.%d","prefect.resource.name":"deploy"},"related":[{"prefect.resource.id":"prefect-cloud.actor.8413b8c0-fed5-4f41-a7bf-623fefbca812","prefect.resource.role":"actor","prefect.resource.name":"Ana Example","prefect-cloud.email":"ana@example.com"}],"payload":{},"id":"5b1d0000-0000-4000-8000-%012d","follows":null,"received":"2026-11-02T08:00:01Z"}`, i, i, i))
	}
	body := fmt.Appendf(nil, `{"events":[%s],"total":200,"next_page":null}`, bytes.Join(events, []byte(",")))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodePage(body); err != nil {
			b.Fatal(err)
		}
	}
}
