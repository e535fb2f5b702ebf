// Package datepath fills dates into names: audit-%{+yyyy.MM.dd} becomes
// audit-2026.11.02. The syntax is that of Logstash and Beats, as far as names
// need it.
package datepath

import (
	"fmt"
	"strings"
	"time"
)

// A Pattern is a parsed name. It may be used from many goroutines. The zero
// Pattern is the empty name.
type Pattern struct{ pieces []piece }

// piece is a literal text or, with a layout, a part of a date.
type piece struct{ text, layout string }

// fields are the parts of a date, with Go's layout of each.
var fields = []struct{ name, layout string }{{"yyyy", "2006"}, {"MM", "01"}, {"dd", "02"}, {"HH", "15"}}

// Parse reads a pattern. Between %{+ and } stand yyyy, MM, dd and HH, in UTC,
// and anything but letters.
func Parse(s string) (Pattern, error) {
	var p Pattern
	for rest := s; rest != ""; {
		start := strings.Index(rest, "%{")
		if start < 0 {
			p.pieces = append(p.pieces, piece{text: rest})
			break
		}
		if start > 0 {
			p.pieces = append(p.pieces, piece{text: rest[:start]})
		}
		rest = rest[start:]
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return Pattern{}, fmt.Errorf("%q: %%{ without its }", s)
		}
		date, ok := strings.CutPrefix(rest[:end], "%{+")
		if !ok {
			return Pattern{}, fmt.Errorf("%q: %s} is not a date; write one as %%{+yyyy-MM-dd}", s, rest[:end])
		}
		if err := p.date(date); err != nil {
			return Pattern{}, fmt.Errorf("%q: %w", s, err)
		}
		rest = rest[end+1:]
	}
	return p, nil
}

// date parses what stands inside %{+ }.
func (p *Pattern) date(s string) error {
next:
	for s != "" {
		for _, f := range fields {
			if rest, ok := strings.CutPrefix(s, f.name); ok {
				p.pieces = append(p.pieces, piece{layout: f.layout})
				s = rest
				continue next
			}
		}
		if c := s[0]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return fmt.Errorf("%q in a date is none of yyyy, MM, dd, HH", s)
		}
		p.pieces = append(p.pieces, piece{text: s[:1]})
		s = s[1:]
	}
	return nil
}

// Append appends the name at t to dst.
func (p Pattern) Append(dst []byte, t time.Time) []byte {
	t = t.UTC()
	for _, piece := range p.pieces {
		if piece.layout != "" {
			dst = t.AppendFormat(dst, piece.layout)
		} else {
			dst = append(dst, piece.text...)
		}
	}
	return dst
}

// Format returns the name at t.
func (p Pattern) Format(t time.Time) string { return string(p.Append(nil, t)) }
