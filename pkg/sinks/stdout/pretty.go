package stdout

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/sinks"
)

// appendPretty appends one line for people: when, how severe, what, who, what
// came of it, and the message. Nothing in it can steer a terminal.
func appendPretty(dst []byte, item *sinks.Item) []byte {
	e := item.Event
	dst = e.Occurred.Local().AppendFormat(dst, "2006-01-02 15:04:05 ")
	dst = appendPadded(dst, e.Severity.String(), 8)
	action := strings.TrimPrefix(e.Action, "prefect-cloud.")
	dst = appendPadded(append(dst, ' '), action, 30)
	dst = appendPadded(append(dst, ' '), or(e.Actor, "-"), 24)
	dst = appendPadded(append(dst, ' '), or(e.Outcome.String(), "-"), 7)
	var doc struct { // of formats that have one: ecs and ocsf
		Message string `json:"message"`
	}
	if json.Unmarshal(item.Body, &doc) == nil && doc.Message != "" {
		dst = appendPadded(append(dst, ' '), doc.Message, 0)
	}
	return dst
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// appendPadded appends s without its control and format characters, filled up
// with blanks to a width.
func appendPadded(dst []byte, s string, width int) []byte {
	n := 0
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			r = '·'
		}
		dst = utf8.AppendRune(dst, r)
		n++
	}
	for ; n < width; n++ {
		dst = append(dst, ' ')
	}
	return dst
}
