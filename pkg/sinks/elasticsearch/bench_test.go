package elasticsearch

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/transport"
)

// BenchmarkBulkBody builds the body of a bulk request of 1000 events.
func BenchmarkBulkBody(b *testing.B) {
	batch := sinktest.Bulky(1000)
	for _, c := range []struct{ compression, index string }{{"gzip", "audit"}, {"none", "audit"}, {"none", "audit-%{+yyyy.MM.dd}"}} {
		b.Run(c.compression+"/"+c.index, func(b *testing.B) {
			bodies, err := transport.NewBodies(c.compression)
			if err != nil {
				b.Fatal(err)
			}
			t, err := parseTarget(c.index, false)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			sent := 0
			for b.Loop() {
				body := bodies.New()
				index := writeBulk(body, t, batch)
				req, _ := http.NewRequest(http.MethodPost, "http://localhost/"+index+"/_bulk", nil)
				if err := body.Attach(req); err != nil {
					b.Fatal(err)
				}
				sent = body.Len()
				req.Body.Close()
				body.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Items)), "ns/event")
			b.ReportMetric(float64(batch.Bytes())/float64(sent), "ratio")
		})
	}
}

// BenchmarkAnswer reads the answer to 1000 events: all stored, and one refused.
func BenchmarkAnswer(b *testing.B) {
	stored := []byte(`{"errors":false,"items":[{"create":{"status":201}}` + string(bytes.Repeat([]byte(`,{"create":{"status":201}}`), 999)) + `]}`)
	mixed := bytes.Replace(bytes.Replace(stored, []byte(`false`), []byte(`true`), 1), []byte(`"status":201`), []byte(`"status":409`), 1)
	for name, text := range map[string][]byte{"stored": stored, "mixed": mixed} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseBulk(text, 1000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzAnswer: whatever a server answers, no event counts as stored unless the
// answer says so of exactly as many as were sent.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"errors":false,"items":[{"create":{"status":201}}]}`), 1)
	f.Add([]byte(`{"took":3,"errors":true,"items":[{"create":{"status":409,"error":{"type":"t","reason":"r"}}},{"create":{"status":201}}]}`), 2)
	f.Add([]byte(`{"errors":false,"items":[{"create":{"status":201,"failure_store":"used"}}]}`), 1)
	f.Add([]byte(`<html>`), 1)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		if n < 1 || n > 1000 {
			return
		}
		items, err := parseBulk(text, n)
		if err == nil && items != nil && len(items) != n {
			t.Errorf("%d items for %d events", len(items), n)
		}
	})
}

// BenchmarkDeliver is a whole delivery of 1000 events, to a server that reads
// and stores nothing.
func BenchmarkDeliver(b *testing.B) {
	stored := []byte(`{"errors":false,"items":[{"create":{"status":201}}` + string(bytes.Repeat([]byte(`,{"create":{"status":201}}`), 999)) + `]}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write(stored)
	}))
	defer server.Close()
	s := open(b, sinktest.Deps(b, nil), "urls: ["+server.URL+"]\ntemplate: false")
	defer s.Close(b.Context())
	batch := sinktest.Bulky(1000)
	b.SetBytes(int64(batch.Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Deliver(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
