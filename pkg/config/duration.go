package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time of at least 0, written as Go writes it or with
// "d" for days of 24 hours: 500ms, 1h30m, 7d, 1d12h.
type Duration time.Duration

// ParseDuration reads a duration.
func ParseDuration(text string) (Duration, error) {
	s := strings.TrimSpace(text)
	switch {
	case s == "0":
		return 0, nil
	case s == "":
		return 0, fmt.Errorf("an empty text is not a duration; write one such as 30s")
	case strings.HasPrefix(s, "-"):
		return 0, fmt.Errorf("%q is negative; a duration is at least 0", text)
	}
	var sum time.Duration
	for s != "" {
		one, rest, err := firstTerm(s)
		if err != nil {
			return 0, badDuration(text)
		}
		if sum > math.MaxInt64-one {
			return 0, fmt.Errorf("%q is longer than 292 years", text)
		}
		sum, s = sum+one, rest
	}
	return Duration(sum), nil
}

// firstTerm reads a number and its unit.
func firstTerm(s string) (d time.Duration, rest string, err error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789."))
	unit := strings.IndexAny(s[digits:], "0123456789.")
	end := len(s)
	if unit >= 0 {
		end = digits + unit
	}
	if digits == 0 || digits == end {
		return 0, "", strconv.ErrSyntax
	}
	if s[digits:end] != "d" {
		d, err = time.ParseDuration(s[:end])
		return d, s[end:], err
	}
	days, err := strconv.ParseFloat(s[:digits], 64)
	if err != nil || days > 106751 {
		return 0, "", strconv.ErrRange
	}
	return time.Duration(days * float64(24*time.Hour)), s[end:], nil
}

func badDuration(text string) error {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return fmt.Errorf("%q has no unit; write %ss for seconds", text, text)
	}
	return fmt.Errorf("%q is not a duration; write one such as 500ms, 30s, 1h30m or 7d", text)
}

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err == nil {
		*d = parsed
	}
	return err
}

// String writes the duration without the zero parts that Go writes: 72h, 1h30m.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the duration as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
