package datepath

import (
	"testing"
	"time"
)

func TestFormat(t *testing.T) {
	at := time.Date(2026, 11, 2, 23, 30, 0, 0, time.FixedZone("", -2*3600)) // the 3rd, 01:30 UTC
	for pattern, want := range map[string]string{
		"audit.jsonl":                     "audit.jsonl",
		"audit-%{+yyyy.MM.dd}":            "audit-2026.11.03",
		"/var/%{+yyyy/MM}/a-%{+dd-HH}.gz": "/var/2026/11/a-03-01.gz",
		"%{+yyyyMMdd}":                    "20261103",
		"100%-sure":                       "100%-sure",
		"":                                "",
	} {
		p, err := Parse(pattern)
		if err != nil {
			t.Errorf("%q: %v", pattern, err)
			continue
		}
		if got := p.Format(at); got != want {
			t.Errorf("%q: got %q, want %q", pattern, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, pattern := range []string{"a-%{+yyyy", "a-%{event.id}", "a-%{+YYYY}", "a-%{+ww}", "%{}"} {
		if _, err := Parse(pattern); err == nil {
			t.Errorf("%q was accepted", pattern)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a-%{+yyyy.MM.dd}-%{+HH}")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := Parse(s); err == nil {
			p.Format(time.Unix(0, 0))
		}
	})
}
