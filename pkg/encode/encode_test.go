package encode_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
)

func TestRaw(t *testing.T) {
	tests := map[string]struct{ doc, want string }{
		"plain":       {`{"event":{"original":"{\"a\":\"\\u00e9\"}","id":"1"},"shiplog":{"source":"x"}}`, `{"a":"\u00e9"}`},
		"line breaks": {`{"event":{"original":"{\n\"a\": 1\r\n}"},"shiplog":{"source":"x"}}`, `{ "a": 1  }`},
		"no original": {`{"event":{"id":"1"},"shiplog":{"source":"x"}}`, `{"event":{"id":"1"},"shiplog":{"source":"x","delivery":4}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := encoded(t, "raw", &event.Event{Doc: []byte(tt.doc)}, event.Delivery{Number: 4})
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Quoted gives what the format gives: JSON as it is, a text as a JSON string that
// reads back as that text.
func TestQuoted(t *testing.T) {
	events, _ := samples(t)
	events = append(events,
		nasty(t, "a \"quoted\" \\ text\n\x01\u2028"),
		&event.Event{Doc: []byte(`{"event":{"id":"no original"},"shiplog":{"source":"x"}}`)})
	for _, format := range encode.Names() {
		enc, err := encode.New(format)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			want := encoded(t, format, e, event.Delivery{Number: 4})
			b, err := encode.Quoted(enc).Append([]byte("before"), e, event.Delivery{Number: 4})
			got, ok := strings.CutPrefix(string(b), "before")
			if err != nil || !ok {
				t.Fatalf("%s of %s: %q, %v", format, e.ID, b, err)
			}
			if format == "cef" || format == "leef" || format == "raw" {
				var text string
				if err := json.Unmarshal([]byte(got), &text); err != nil {
					t.Fatalf("%s of %s: %s: %v", format, e.ID, got, err)
				}
				got = text
			}
			if got != want {
				t.Errorf("%s of %s is\n%s\nwant\n%s", format, e.ID, got, want)
			}
		}
	}
}

// A JSON string may have line breaks: what is raw stays so.
func TestQuotedRawKeepsLineBreaks(t *testing.T) {
	enc, err := encode.New("raw")
	if err != nil {
		t.Fatal(err)
	}
	e := &event.Event{Doc: []byte(`{"event":{"original":"{\n\"a\": 1\r\n}","id":"1"},"shiplog":{"source":"x"}}`)}
	got, err := encode.Quoted(enc).Append(nil, e, event.Delivery{})
	if want := `"{\n\"a\": 1\r\n}"`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestNewUnknownFormat(t *testing.T) {
	_, err := encode.New("xml")
	if err == nil || !strings.Contains(err.Error(), "ecs, ocsf, cim, cef, leef, raw") {
		t.Errorf("New(xml) = %v, want an error that names the formats", err)
	}
}

func encoded(t *testing.T, format string, e *event.Event, d event.Delivery) string {
	t.Helper()
	enc, err := encode.New(format)
	if err != nil {
		t.Fatal(err)
	}
	line, err := enc.Append(nil, e, d)
	if err != nil {
		t.Fatalf("Append as %s: %v", format, err)
	}
	return string(line)
}

// One encoder serves many goroutines, and an event comes out the same in all.
func TestAppendFromManyGoroutines(t *testing.T) {
	events, _ := samples(t)
	for _, format := range encode.Names() {
		enc, err := encode.New(format)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]byte
		for _, e := range events {
			want = append(want, []byte(encoded(t, format, e, event.Delivery{Number: 1})))
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				var dst []byte
				for i, e := range events {
					if dst, err := enc.Append(dst[:0], e, event.Delivery{Number: 1}); err != nil || !bytes.Equal(dst, want[i]) {
						t.Errorf("%s of event %d differs: %v", format, i, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// What is not a document is refused, and dst stays as it was.
func TestAppendDamagedDocument(t *testing.T) {
	for _, format := range []string{"ocsf", "cim", "cef", "leef"} {
		enc, err := encode.New(format)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range []string{"", "[]", `{"event":{"original":"`, `{"event":{},"shiplog":{"a":1}`} {
			dst, err := enc.Append([]byte("before"), &event.Event{Doc: []byte(doc)}, event.Delivery{})
			if err == nil || string(dst) != "before" {
				t.Errorf("%s of %q = %q, %v; want an error", format, doc, dst, err)
			}
		}
	}
}

// No document, however odd, makes an encoder panic, write more than one line, or
// write JSON that is none.
func FuzzAppend(f *testing.F) {
	for _, document := range documents {
		f.Add("prefect-cloud.user.created", document)
		f.Add("prefect-cloud.workspace-access.created", document)
		f.Add("prefect-cloud.request.access-denied.ip-allowlist", document)
	}
	schema := loadOCSF(f)
	f.Fuzz(func(t *testing.T, action, document string) {
		entry, _ := catalog.Lookup(action)
		e := eventOf(action, document, entry)
		valid := json.Valid(e.Doc) && duplicates(e.Doc) == "" && utf8.Valid(e.Doc) && utf8.ValidString(action) && action != "" && !bytes.ContainsAny(e.Doc, "\n\r")
		for _, format := range encode.Names() {
			enc, err := encode.New(format)
			if err != nil {
				t.Fatal(err)
			}
			line, err := enc.Append(nil, e, event.Delivery{Number: 1})
			if err != nil || !valid {
				continue
			}
			if bytes.ContainsAny(line, "\n\r") {
				t.Errorf("%s is more than one line: %q", format, line)
			}
			if format == "cim" && !json.Valid(line) {
				t.Errorf("cim is no JSON: %s", line)
			}
			if format == "ocsf" {
				if problems := schema.validate(line); len(problems) > 0 {
					t.Errorf("%q\n%s", problems, line)
				}
			}
		}
	})
}

// Every format but the original bytes names the agent and its journal. An agent
// that the document came through before keeps its place.
func TestFormatsNameTheShipper(t *testing.T) {
	const relayed = `"agent":{"id":"beat-1","name":"edge","version":"8"},`
	const head, tail = `{"event":{"original":"x","id":"e","action":"x"},"@timestamp":"2026-11-02T08:11:25Z",`, `"shiplog":{"source":"s"}}`
	for _, tt := range []struct {
		format, agent string
		want, not     []string
	}{
		{"ecs", "", []string{`"agent":{"id":"7d6a4c1e-2b5f-4a8e-9c3d-0e1f2a3b4c5d","name":"audit-1","type":"shiplog","version":"1.2.0"}`, `"journal":"8d1f`}, nil},
		{"ecs", relayed, []string{`"agent":{"id":"beat-1"`, `"journal":"8d1f`}, []string{"7d6a4c1e"}},
		{"ecs", `"agent":{"name":"edge"},`, []string{`"id":"7d6a4c1e`, `"name":"edge"`}, []string{"audit-1"}},
		{"ocsf", "", []string{`"loggers":[{"name":"audit-1","uid":"7d6a4c1e-2b5f-4a8e-9c3d-0e1f2a3b4c5d","version":"1.2.0","log_name":"8d1f0c6a5b7e4f0e9a3c2b1d0e9f8a7b","product":{"name":"shiplog","vendor_name":"shiplog"}}]`}, []string{"reporter"}},
		{"ocsf", relayed, []string{`"reporter":{"name":"edge","uid":"beat-1"}`, `"loggers":[{"name":"audit-1","uid":"7d6a4c1e`}, nil},
		{"cim", "", []string{`"dvc":"audit-1"`, `"agent_id":"7d6a4c1e`, `"journal":"8d1f`}, nil},
		{"cim", relayed, []string{`"dvc":"edge"`, `"agent_id":"beat-1"`, `"journal":"8d1f`}, nil},
		{"cef", "", []string{"dvchost=audit-1 ", "ShiplogAgentId=7d6a4c1e", "flexString2=8d1f0c6a5b7e4f0e9a3c2b1d0e9f8a7b flexString2Label=journal"}, nil},
		{"cef", relayed, []string{"dvchost=edge ", "ShiplogAgentId=7d6a4c1e"}, nil},
		{"leef", "", []string{"agentName=audit-1", "agentId=7d6a4c1e", "journal=8d1f"}, nil},
		{"leef", relayed, []string{"agentName=edge", "agentId=beat-1", "journal=8d1f"}, nil},
	} {
		e := &event.Event{Envelope: event.Envelope{Sequence: 1, ID: "e", Action: "x"}, Doc: []byte(head + tt.agent + tail)}
		line := encoded(t, tt.format, e, event.Delivery{Number: 1, By: shipper})
		for _, want := range tt.want {
			if !strings.Contains(line, want) {
				t.Errorf("%s has no %s: %s", tt.format, want, line)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(line, not) {
				t.Errorf("%s has %s: %s", tt.format, not, line)
			}
		}
	}
}
