package splunkhec

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/transport"
)

// BenchmarkBody builds the body of a request of 1000 events.
func BenchmarkBody(b *testing.B) {
	batch := sinktest.Bulky(1000)
	for _, c := range []struct{ compression, format string }{{"gzip", "cim"}, {"none", "cim"}, {"none", "raw"}} {
		b.Run(c.compression+"/"+c.format, func(b *testing.B) {
			bodies, err := transport.NewBodies(c.compression)
			if err != nil {
				b.Fatal(err)
			}
			cfg := defaults()
			cfg.Format = c.format
			e := newEnvelope(cfg, "agent-1", sinks.Deps{Agent: "a-1", Journal: "j-1"})
			batch := sinks.Batch{Items: slices.Clone(batch.Items)}
			for i := range batch.Items {
				if e.text {
					batch.Items[i].Body = event.AppendQuoted(nil, batch.Items[i].Body)
				}
			}
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				body := bodies.New()
				e.write(body, batch.Items)
				req, _ := http.NewRequest(http.MethodPost, "http://localhost"+eventPath, nil)
				if err := body.Attach(req); err != nil {
					b.Fatal(err)
				}
				req.Body.Close()
				body.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Items)), "ns/event")
		})
	}
}

// BenchmarkDeliver is a whole delivery of 1000 events, to a server that reads
// and keeps nothing.
func BenchmarkDeliver(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"text":"Success","code":0}`)
	}))
	defer server.Close()
	s := open(b, sinktest.Deps(b, nil), "url: "+server.URL+"\ntoken: t")
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

// FuzzHead: whatever the event's id, time and text, the envelope is one JSON
// object on one line.
func FuzzHead(f *testing.F) {
	f.Add("id", int64(1793606400123456), []byte("CEF:0|a"))
	f.Add("\"\\\n\x00\u2028\xff", int64(-1), []byte("\x00\xff\n"))
	f.Fuzz(func(t *testing.T, id string, micro int64, text []byte) {
		cfg := defaults()
		cfg.Format = "raw"
		quoted := event.AppendQuoted(nil, text)
		for _, body := range [][]byte{quoted, text} {
			if bytes.HasPrefix(text, []byte{'"'}) {
				body = quoted // no record begins with a quote
			}
			item := sinks.Item{Event: &event.Event{Envelope: event.Envelope{ID: id, Occurred: time.UnixMicro(micro)}}, Body: body}
			e := newEnvelope(cfg, "h", sinks.Deps{})
			line := e.appendHead(nil, &item)
			line = append(append(line, e.value(item.Body)...), '}')
			if !json.Valid(line) || bytes.ContainsAny(line, "\n\r") || !bytes.Contains(line, quoted) {
				t.Errorf("id %q, text %q became %q", id, text, line)
			}
		}
	})
}

// FuzzAnswer: nothing that a server can say makes a delivery of what is not
// Splunk's success.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"text":"Success","code":0,"ackId":3}`))
	f.Add(400, []byte(`{"text":"Invalid data format","code":6,"invalid-event-number":1}`))
	f.Add(200, []byte(`{"code":"0"}`))
	f.Add(503, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := parseAnswer(status, http.Header{}, body)
		if n, ok := a.isolated(5); ok && (n < 0 || n > 4) {
			t.Errorf("event %d of 5 is at fault", n)
		}
		if a.accepted() && status != http.StatusOK {
			t.Errorf("status %d is a success", status)
		}
		if a.fault() == nil || a.fault().Error() == "" {
			t.Error("a fault without words")
		}
	})
}
