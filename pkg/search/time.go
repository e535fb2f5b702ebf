package search

import (
	"fmt"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// ParseTime reads a time as people give it: RFC 3339, a date or a date and time
// in UTC, now, or a duration back from now, with or without a minus. Empty is
// the zero time.
func ParseTime(text string, now time.Time) (time.Time, error) {
	switch text {
	case "":
		return time.Time{}, nil
	case "now":
		return now.UTC(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	back, err := config.ParseDuration(strings.TrimPrefix(text, "-"))
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: give 2026-11-17T08:00:00Z, 2026-11-17, or 24h for that long ago", text)
	}
	return now.Add(-time.Duration(back)).UTC(), nil
}
