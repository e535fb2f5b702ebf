package encode_test

import (
	"bytes"
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

// The golden files show every sample in every format but raw, which is the
// sample itself.
func TestGolden(t *testing.T) {
	events, _ := samples(t)
	for _, format := range encode.Names() {
		if format == "raw" {
			continue
		}
		t.Run(format, func(t *testing.T) {
			var got []byte
			for _, e := range events {
				got = append(got, encoded(t, format, e, event.Delivery{Number: e.Sequence})...)
				got = append(got, '\n')
			}
			if n := bytes.Count(got, []byte("\n")); n != len(events) {
				t.Errorf("there are %d lines, want %d", n, len(events))
			}
			path := filepath.Join("testdata", "golden", format+".txt")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
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
		line := encoded(t, "ocsf", e, event.Delivery{Number: 3, Replayed: true})
		if problems := schema.validate([]byte(line)); len(problems) > 0 {
			t.Errorf("%s:\n  %s\n%s", e.Action, strings.Join(problems, "\n  "), line)
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
	for _, format := range encode.Names() {
		enc, err := encode.New(format)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(format, func(b *testing.B) {
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
