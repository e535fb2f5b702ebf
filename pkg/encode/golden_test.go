package encode_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shipper ships the events of the golden files.
var shipper = event.NewShipper("7d6a4c1e-2b5f-4a8e-9c3d-0e1f2a3b4c5d", "audit-1", "1.2.0", "8d1f0c6a5b7e4f0e9a3c2b1d0e9f8a7b")

// samples are the sample events, normalized, and their records.
func samples(t testing.TB) (events []*event.Event, records [][]byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/sample-events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n, err := normalize.New(normalize.Options{Source: "cloud", Decoder: "prefect"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		e, _, verdict, reason, err := n.Normalize(&event.Record{Raw: line, Origin: event.Origin{Name: "samples"}}, now, nil)
		if verdict != normalize.Keep || err != nil {
			t.Fatalf("normalize %.80s: %s: %v", line, reason, err)
		}
		e.Sequence = uint64(len(events) + 1)
		events = append(events, &e)
		records = append(records, line)
	}
	return events, records
}

// goldenEvents are the samples as they were normalized when the golden files
// were last written, so that a change of the mapping does not look like one of
// the encoders.
func goldenEvents(t *testing.T) []*event.Event {
	t.Helper()
	const path = "testdata/golden/events.jsonl"
	if *update {
		fresh, _ := samples(t)
		var text []byte
		for _, e := range fresh {
			line, err := json.Marshal(frozen{Envelope: e.Envelope, Doc: string(e.Doc)})
			if err != nil {
				t.Fatal(err)
			}
			text = append(append(text, line...), '\n')
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []*event.Event
	for line := range bytes.SplitSeq(bytes.TrimSpace(text), []byte("\n")) {
		var f frozen
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatal(err)
		}
		events = append(events, &event.Event{Envelope: f.Envelope, Doc: []byte(f.Doc)})
	}
	return events
}

// frozen is an event in a file.
type frozen struct {
	Envelope event.Envelope
	Doc      string
}

// The golden files show every sample in every format but ecs and raw, which are
// the document and the sample themselves.
func TestGolden(t *testing.T) {
	events := goldenEvents(t)
	for _, format := range encode.Names() {
		if format == "raw" || format == "ecs" {
			continue
		}
		t.Run(format, func(t *testing.T) {
			var got []byte
			for _, e := range events {
				got = append(got, encoded(t, format, e, event.Delivery{Number: e.Sequence, By: shipper})...)
				got = append(got, '\n')
			}
			if n := bytes.Count(got, []byte("\n")); n != len(events) {
				t.Errorf("there are %d lines, want %d", n, len(events))
			}
			path := filepath.Join("testdata", "golden", format+".txt")
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wantLines := strings.Split(string(want), "\n")
			for i, line := range strings.Split(string(got), "\n") {
				if i >= len(wantLines) || line != wantLines[i] {
					t.Fatalf("line %d is not as in %s (-update rewrites it):\n%s", i+1, path, line)
				}
			}
		})
	}
}

func TestSamplesAreValidOCSF(t *testing.T) {
	schema := loadOCSF(t)
	events, _ := samples(t)
	for _, e := range events {
		line := encoded(t, "ocsf", e, event.Delivery{Number: 3, Replayed: true, By: shipper})
		if problems := schema.validate([]byte(line)); len(problems) > 0 {
			t.Errorf("%s:\n  %s\n%s", e.Action, strings.Join(problems, "\n  "), line)
		}
	}
}

// Documents of other makers, and JSON of any form, are valid too, and are never
// lost.
func TestForeignRecordsAreValidOCSF(t *testing.T) {
	schema := loadOCSF(t)
	events, _ := samples(t)
	records := map[string][]string{"ecs": {
		`{"@timestamp":"2026-11-02T08:11:25Z","event":{"action":"user-login","category":["authentication"],"outcome":"failure","kind":"event"},"user":{"name":"eve"},"host":{"name":"h1"},"source":{"ip":"2001:db8::7","port":443}}`,
		`{"@timestamp":"2026-11-02T08:11:25Z","event":{"action":"relayed"},"agent":{"id":"beat-1","name":"edge","type":"filebeat"}}`,
		`{"@timestamp":"2026-11-02T08:11:25Z","event.action":"x","user.name":"dotted","workspace":1,"payload":"p","related":{"user":["z"]}}`,
	}, "json": {
		`{"time":"2026-11-02T08:11:25Z","action":"door.opened","user":"eve","nested":{"a":[1,{"b":null}]}}`, `{"message":"hello"}`,
	}}
	for _, e := range events {
		records["ecs"] = append(records["ecs"], string(e.Doc))
		records["json"] = append(records["json"], string(e.Doc))
	}
	for decoder, lines := range records {
		n, err := normalize.New(normalize.Options{Source: "other", Decoder: decoder})
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range lines {
			e, _, verdict, reason, err := n.Normalize(&event.Record{Raw: []byte(record)}, time.Unix(1793600000, 0).UTC(), nil)
			if verdict != normalize.Keep {
				t.Logf("%s: %.100s: %s %v", decoder, record, reason, err)
				continue
			}
			line := encoded(t, "ocsf", &e, event.Delivery{Number: 3, By: shipper})
			if problems := schema.validate([]byte(line)); len(problems) > 0 {
				t.Errorf("%s:\n  %s\n%s", record, strings.Join(problems, "\n  "), line)
			}
			for _, format := range []string{"cim", "cef", "leef", "raw"} {
				if line := encoded(t, format, &e, event.Delivery{}); line == "" || strings.ContainsAny(line, "\n\r") {
					t.Errorf("%s as %s is not one line: %q", record, format, line)
				}
			}
		}
	}
}

func TestRawIsTheRecord(t *testing.T) {
	events, records := samples(t)
	for i, e := range events {
		if got := encoded(t, "raw", e, event.Delivery{Number: 1}); got != string(records[i]) {
			t.Errorf("got  %s\nwant %s", got, records[i])
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	events, _ := samples(b)
	encoders := map[string]encode.Encoder{}
	for _, format := range encode.Names() {
		enc, err := encode.New(format)
		if err != nil {
			b.Fatal(err)
		}
		encoders[format] = enc
	}
	encoders["raw_quoted"] = encode.Quoted(encoders["raw"])
	for name, enc := range encoders {
		b.Run(name, func(b *testing.B) {
			var err error
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if dst, err = enc.Append(dst[:0], events[i%len(events)], event.Delivery{Number: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
