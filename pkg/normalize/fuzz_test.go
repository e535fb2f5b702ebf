package normalize_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// Whatever a record is, reading it ends in a verdict; what is taken for JSON is
// JSON and the other way round; a document keeps the record byte for byte.
func FuzzNormalize(f *testing.F) {
	for _, line := range lines(f, "samples.jsonl") {
		if len(line) < 4096 {
			f.Add(line, uint8(0))
		}
	}
	f.Add(lines(f, "bench.jsonl")[0], uint8(0))
	f.Add([]byte(fullEvent("prefect-cloud.account-membership.updated")), uint8(0))
	f.Add([]byte(`{"event":{"action":"x"},"user.name":"a","user":{"id":1},"a..b":2,".":3}`), uint8(1))
	f.Add([]byte(`{"user":{"name":"\ud800"},"time":1793606400123,"action":"x\u0000"}`), uint8(2))
	f.Fuzz(func(t *testing.T, raw []byte, which uint8) {
		decoder := normalize.Decoders()[int(which)%len(normalize.Decoders())]
		n := newNormalizer(t, normalize.Options{Decoder: decoder})
		e, _, v, reason, err := n.Normalize(&event.Record{Raw: raw}, readAt, nil)
		switch v {
		case normalize.Drop:
			if reason != normalize.NotEvent {
				t.Fatalf("dropped for %s", reason)
			}
		case normalize.Invalid:
			if err == nil {
				t.Fatalf("%s without an error", reason)
			}
			if reason == normalize.NotJSON && json.Valid(raw) && utf8.Valid(raw) {
				t.Fatalf("%v, but it is JSON: %q", err, raw)
			}
		case normalize.Keep:
			doc := decode(t, e.Doc)
			original, _ := at(doc, "event.original").(string)
			if decoder != "ecs" && len(original) != len(raw) {
				t.Fatalf("event.original has %d bytes, the record %d", len(original), len(raw))
			}
			checkFrame(t, &e, []byte(original))
		}
	})
}
