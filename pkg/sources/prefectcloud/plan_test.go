package prefectcloud

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

// When the watermark nears the end of the retention, that is told, once an hour.
func TestRetentionNears(t *testing.T) {
	day := 24 * time.Hour
	tests := map[string]struct {
		retention, behind time.Duration
		told              bool
	}{
		"up to date":           {30 * day, time.Minute, false},
		"behind, with time":    {30 * day, 10 * day, false},
		"a quarter is left":    {30 * day, 23 * day, true},
		"past it":              {30 * day, 31 * day, true},
		"retention is unknown": {0, 300 * day, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			monitor := new(sourcetest.Monitor)
			r := &run{
				source: &source{client: new(client), deps: sources.Deps{Monitor: monitor, Log: slog.New(slog.DiscardHandler)}},
				plan:   plan{retention: test.retention},
			}
			for range 3 {
				r.watchRetention(time.Now().Add(-test.behind))
			}
			want := []string(nil)
			if test.told {
				want = []string{"retention_near"}
			}
			if got := monitor.Failures(); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestProvenStretches(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 2, hour, 0, 0, 0, time.UTC) }
	tests := map[string]struct{ have, more, want stretch }{
		"the first":       {stretch{}, stretch{at(1), at(2)}, stretch{at(1), at(2)}},
		"it touches":      {stretch{at(1), at(3)}, stretch{at(3), at(5)}, stretch{at(1), at(5)}},
		"before":          {stretch{at(4), at(5)}, stretch{at(2), at(4)}, stretch{at(2), at(5)}},
		"within":          {stretch{at(1), at(5)}, stretch{at(2), at(4)}, stretch{at(1), at(5)}},
		"a hole, later":   {stretch{at(1), at(2)}, stretch{at(4), at(5)}, stretch{at(4), at(5)}},
		"a hole, earlier": {stretch{at(4), at(5)}, stretch{at(1), at(2)}, stretch{at(4), at(5)}},
	}
	for name, test := range tests {
		if got := test.have.join(test.more); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
