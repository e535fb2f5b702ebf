package event

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever the bytes, the result is one JSON string on one line that reads back
// as they were, but for what is no UTF-8.
func FuzzAppendQuoted(f *testing.F) {
	for _, s := range []string{"", "plain", "\"quoted\" \\ \n\t\x00\x1f\x7f", "Zoë \u2028 \U0001F512", "\xff\xc3", "\xf0\x9f\x94", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := AppendQuoted([]byte("x"), s)
		if again := AppendQuoted([]byte("x"), []byte(s)); string(again) != string(got) {
			t.Errorf("bytes give %q, the string %q", again, got)
		}
		var back string
		if err := json.Unmarshal(got[1:], &back); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if want := string([]rune(s)); back != want {
			t.Errorf("%q reads back as %q", s, back)
		}
		if strings.ContainsAny(string(got), "\n\r") {
			t.Errorf("%q has a line break", got)
		}
	})
}
