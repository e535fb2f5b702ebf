package normalize_test

import (
	"encoding/json"
	"strings"
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

// Whatever a record is, nothing of what is redacted is left in its document or
// its envelope, and the document stays one.
func FuzzRedact(f *testing.F) {
	for _, line := range lines(f, "samples.jsonl") {
		if len(line) < 4096 {
			f.Add(line)
		}
	}
	f.Add([]byte(loginOfAna))
	plain := newNormalizer(f, normalize.Options{})
	redacting := newNormalizer(f, normalize.Options{Processors: processors(f, `[{redact: {fields: [user.email, source.address, prefect.payload]}}]`)})
	f.Fuzz(func(t *testing.T, raw []byte) {
		before, _, v, _, _ := plain.Normalize(&event.Record{Raw: raw}, readAt, nil)
		if v != normalize.Keep {
			return
		}
		after, _, v, _, err := redacting.Normalize(&event.Record{Raw: raw}, readAt, nil)
		if v != normalize.Keep {
			t.Fatal(err)
		}
		doc := decode(t, after.Doc)
		original, _ := at(doc, "event.original").(string)
		checkFrame(t, &after, []byte(original))
		secret, _ := at(decode(t, before.Doc), "user.email").(string)
		if len(secret) < 8 || strings.Contains(secret, "***") {
			return // too short to be sure that it is not there by chance
		}
		if message, _ := doc["message"].(string); strings.Contains(message, secret) || strings.Contains(after.Actor, secret) {
			t.Fatalf("%q is left in %q", secret, message)
		}
		for _, field := range []string{"user", "related", "prefect"} {
			eachText(doc[field], func(s string) {
				if strings.Contains(s, secret) {
					t.Fatalf("%q is left in %s: %q", secret, field, s)
				}
			})
		}
		var record any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(original, "\ufeff")), &record); err != nil {
			t.Fatalf("the record is no JSON any more: %v: %s", err, original)
		}
		eachText(record, func(s string) {
			if strings.Contains(s, secret) && s != before.ID && s != before.Action {
				t.Fatalf("%q is left in the record: %q", secret, s)
			}
		})
	})
}

// eachText calls f with every text and every name in a JSON value.
func eachText(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, one := range v {
			eachText(one, f)
		}
	case map[string]any:
		for name, one := range v {
			f(name)
			eachText(one, f)
		}
	}
}
