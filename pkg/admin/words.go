package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Plain makes a text from outside safe to look at: what would steer a terminal,
// turn the direction of writing or hide is shown as its code. Line breaks and
// tabs stay.
func Plain(text string) string {
	clean := true
	for _, r := range text {
		if tricky(r) {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if tricky(r) {
			fmt.Fprintf(&b, "‹U+%04X›", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func tricky(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar
}

// Count writes a number with its thousands apart: 12,345.
func Count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Size writes bytes as people read them.
func Size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v := float64(n)
	i := 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	if i == 0 || v >= 100 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// Rate writes events per second.
func Rate(v float64) string {
	switch {
	case v <= 0 || math.IsNaN(v):
		return "0/s"
	case v < 10:
		return fmt.Sprintf("%.1f/s", v)
	default:
		return Count(uint64(math.Round(v))) + "/s"
	}
}

// Span writes how long something takes or took: the largest unit and the next.
func Span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return two(d/time.Minute, "min", d%time.Minute/time.Second, "s")
	case d < 48*time.Hour:
		return two(d/time.Hour, "h", d%time.Hour/time.Minute, "min")
	default:
		return two(d/(24*time.Hour), "d", d%(24*time.Hour)/time.Hour, "h")
	}
}

// Ago says how long ago something was, in its largest unit.
func Ago(d time.Duration) string {
	words := strings.Fields(Span(d))
	if d < 2*time.Second {
		return "just now"
	}
	return words[0] + " " + words[1] + " ago"
}

func two(a time.Duration, unit string, b time.Duration, less string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unit)
	}
	return fmt.Sprintf("%d %s %d %s", a, unit, b, less)
}

// Seconds is Span for a figure in seconds.
func Seconds(s float64) string { return Span(time.Duration(s * float64(time.Second))) }

// clock writes a moment near now without what goes without saying.
func clock(t, now time.Time) string {
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04:05")
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}
