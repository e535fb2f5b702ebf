package normalize

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/event"
)

// A secret is a value to take out, and what to write instead.
type secret struct {
	value   string // A to Z lowered
	anchor  int    // see anchorOf
	instead string
}

// secrets are the values to take out of one event. There may be thousands, where a
// field is a whole payload.
type secrets struct {
	list  []secret          // the longest first, so that one that is part of another does not spoil it
	whole map[string]string // value → what to write instead
}

// appendNumber writes a number, or what is written instead of it.
func (s *secrets) appendNumber(dst, number []byte) []byte {
	if instead, is := s.whole[lowerASCII(view(number))]; is {
		return event.AppendQuoted(dst, instead)
	}
	return append(dst, number...)
}

// A value shorter than this is replaced only where it stands as a word of its
// own: "al" must not spoil every "also".
const wordLength = 6

// replace takes the secrets out of a text, whatever their case. Most texts with a
// secret are nothing else, and none holds one that is longer.
func (s *secrets) replace(text string) (replaced string, changed bool) {
	if instead, is := s.whole[lowerASCII(text)]; is {
		return instead, true
	}
	fit := sort.Search(len(s.list), func(i int) bool { return len(s.list[i].value) <= len(text) })
	for _, s := range s.list[fit:] {
		var b strings.Builder
		done := 0
		for i := s.next(text, 0); i >= 0; {
			end := i + len(s.value)
			if !equalLower(text[i:end], s.value) || len(s.value) < wordLength && !isWord(text, i, end) {
				i = s.next(text, i+1)
				continue
			}
			b.WriteString(text[done:i])
			b.WriteString(s.instead)
			done = end
			i = s.next(text, end)
		}
		if done > 0 {
			b.WriteString(text[done:])
			text, changed = b.String(), true
		}
	}
	return text, changed
}

// next gives the first place from i on where the secret could stand; less than
// 0: there is none.
func (s *secret) next(text string, i int) int {
	if i+len(s.value) > len(text) {
		return -1
	}
	if s.anchor < 0 {
		return i
	}
	n := strings.IndexByte(text[i+s.anchor:], s.value[s.anchor])
	if n < 0 || i+n+len(s.value) > len(text) {
		return -1
	}
	return i + n
}

// anchorOf gives where in a text its rarest byte without another case is; less
// than 0: it has none. It is what a search looks for first.
func anchorOf(value string) int {
	best, rank := -1, 0
	for i := range len(value) {
		r := 0
		switch c := value[i]; {
		case c >= 'a' && c <= 'z':
		case c == '@', c >= utf8.RuneSelf:
			r = 4
		case c-'0' <= 9:
			r = 2
		case c == '.', c == '-', c == '_', c == ':', c == '/', c == ' ':
			r = 1
		default:
			r = 3
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}

// equalLower compares a text with one whose A to Z are lowered. Both have the
// same length.
func equalLower(text, lower string) bool {
	for i := range len(lower) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// isWord reports whether no letter or digit touches text[from:to].
func isWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	inWord := func(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	return !inWord(before) && !inWord(after)
}

// lowerASCII lowers A to Z.
func lowerASCII(s string) string {
	isUpper := func(c byte) bool { return 'A' <= c && c <= 'Z' }
	i := 0
	for i < len(s) && !isUpper(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := []byte(s)
	for ; i < len(b); i++ {
		if isUpper(b[i]) {
			b[i] |= 0x20
		}
	}
	return string(b)
}
