package search

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestTextIsFoundAsPeopleReadIt(t *testing.T) {
	tests := map[string]struct{ doc, text string }{
		"another case":               {`{"a":"Hello World"}`, "hELLO wORLD"},
		"a capital beyond ASCII":     {`{"a":"Zoë Åström"}`, "Åström"},
		"asked for in small letters": {`{"a":"Zoë Åström"}`, "zoë åström"},
		"written as escapes":         {`{"a":"Zo\u00eb \u00c5str\u00f6m"}`, "Zoë Åström"},
		"a quote":                    {`{"a":"he said \"no\""}`, `said "no"`},
		"a field":                    {`{"a":"b"}`, `"a":"b"`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if !newMatcher(Query{Text: c.text}).contains([]byte(c.doc)) {
				t.Errorf("%s is not found in %s", c.text, c.doc)
			}
		})
	}
}

// Every byte, at every place in a word.
func TestLowerASCII(t *testing.T) {
	for c := range 256 {
		for at := range 19 {
			text := []byte(strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("Q", 18-at))
			var want []byte
			for _, b := range text {
				if 'A' <= b && b <= 'Z' {
					b += 'a' - 'A'
				}
				want = append(want, b)
			}
			if ascii := lowerASCII(text); !bytes.Equal(text, want) || ascii != (c < 0x80) {
				t.Fatalf("got %q, %v, want %q", text, ascii, want)
			}
		}
	}
}

func TestCheckRefusesWhatNothingMatches(t *testing.T) {
	at := time.Date(2026, 11, 17, 8, 0, 0, 0, time.UTC)
	for name, q := range map[string]Query{
		"ends before it begins":     {Since: at, Until: at.Add(-time.Second)},
		"is empty":                  {Since: at, Until: at},
		"sequences the wrong way":   {From: 3, To: 2},
		"an outcome that is no one": {Outcome: "failed"},
	} {
		if q.Check() == nil {
			t.Errorf("a query that %s is not refused", name)
		}
	}
	for _, q := range []Query{{}, {Since: at}, {Until: at}, {From: 3}, {To: 3}, {From: 3, To: 3}, {Outcome: "Failure"}} {
		if err := q.Check(); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 17, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-11-16":                "2026-11-16T00:00:00Z",
		"2026-11-16T10:00":          "2026-11-16T10:00:00Z",
		"2026-11-16 10:00":          "2026-11-16T10:00:00Z",
		"2026-11-16 10:00:01":       "2026-11-16T10:00:01Z",
		"2026-11-16T10:00:00+02:00": "2026-11-16T08:00:00Z",
		"24h":                       "2026-11-16T08:00:00Z",
		"-24h":                      "2026-11-16T08:00:00Z",
		"1d12h":                     "2026-11-15T20:00:00Z",
		"now":                       "2026-11-17T08:00:00Z",
	} {
		if got, err := ParseTime(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "2026-13-01", "--24h", "24"} {
		if got, err := ParseTime(text, now); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if got, err := ParseTime("", now); err != nil || !got.IsZero() {
		t.Errorf("empty: got %v, %v", got, err)
	}
}
