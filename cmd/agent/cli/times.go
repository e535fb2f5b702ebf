package cli

import (
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// parseTime reads a time as people give it on the command line: RFC 3339, a
// date (midnight UTC), or a duration back from now. Empty is the zero time.
func parseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	var back config.Duration
	if err := back.UnmarshalText([]byte(text)); err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: give 2026-11-17T08:00:00Z, 2026-11-17, or 24h for that long ago", text)
	}
	return now.Add(-time.Duration(back)).UTC(), nil
}
