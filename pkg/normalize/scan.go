package normalize

import (
	"encoding/binary"
	"math/bits"
)

// A scanner walks JSON text once, from front to back, and checks it strictly by
// RFC 8259 as it goes. It allocates nothing: what it returns are slices of the
// text. After the first fault every method reports the end. UTF-8 is checked
// beforehand, in one sweep.
type scanner struct {
	b       []byte
	i       int
	depth   int
	deepest int    // of all depths reached since it was last set
	fault   string // what is wrong at i; empty: nothing
	breaks  bool   // the text has line breaks
	lone    bool   // an escaped surrogate without its other half was seen
}

// maxDepth bounds recursion, where Go's own reader of JSON does. What is deeper
// than a store takes goes into documents as text, see maxFlat.
const maxDepth = 10_000

const faultDeep = "is nested too deeply"

func (s *scanner) fail(what string) {
	if s.fault == "" {
		s.fault = what
	}
}

// end reports whether the text was good to its end.
func (s *scanner) end() bool {
	if s.fault == "" {
		if s.space(); s.i < len(s.b) {
			s.fail("goes on after its end")
		}
	}
	return s.fault == ""
}

// space skips white space and returns the byte after it, 0 at the end.
func (s *scanner) space() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t':
			s.i++
		case '\n', '\r':
			s.breaks = true
			s.i++
		default:
			return c
		}
	}
	return 0
}

// open enters an object or array, whose opening byte is the next one.
func (s *scanner) open() {
	s.i++
	s.depth++
	s.deepest = max(s.deepest, s.depth)
	if s.depth > maxDepth {
		s.fail(faultDeep)
	}
}

// depthOf gives how deep the value is nested that read reads.
func (s *scanner) depthOf(read func()) int {
	before := s.deepest
	s.deepest = s.depth
	read()
	depth := s.deepest - s.depth
	s.deepest = max(s.deepest, before)
	return depth
}

// member moves to the value of the next member of the object that was opened,
// and returns its key as it is written, without quotes. It returns false at the
// object's end and after a fault.
func (s *scanner) member(first bool) (key []byte, more bool) {
	if s.fault != "" {
		return nil, false
	}
	c := s.space()
	if c == '}' && s.fault == "" {
		s.i++
		s.depth--
		return nil, false
	}
	if !first {
		if c != ',' {
			s.fail("wants , or } after a member")
			return nil, false
		}
		s.i++
		c = s.space()
	}
	if c != '"' {
		s.fail("wants a member's name")
		return nil, false
	}
	key = s.str()
	if s.space() != ':' {
		s.fail("wants : after a member's name")
		return nil, false
	}
	s.i++
	s.space()
	return key, s.fault == ""
}

// element moves to the next element of the array that was opened. It returns
// false at the array's end and after a fault.
func (s *scanner) element(first bool) bool {
	if s.fault != "" {
		return false
	}
	c := s.space()
	if c == ']' {
		s.i++
		s.depth--
		return false
	}
	if !first {
		if c != ',' {
			s.fail("wants , or ] after an element")
			return false
		}
		s.i++
		s.space()
	}
	return true
}

// value skips a value and returns it as it is written.
func (s *scanner) value() []byte {
	start := s.i
	s.skip()
	if s.fault != "" {
		return nil
	}
	return s.b[start:s.i]
}

func (s *scanner) skip() {
	if s.i >= len(s.b) {
		s.fail("ends too early")
		return
	}
	switch c := s.b[s.i]; c {
	case '"':
		s.str()
	case '{':
		s.open()
		for _, more := s.member(true); more; _, more = s.member(false) {
			s.skip()
		}
	case '[':
		s.open()
		for more := s.element(true); more; more = s.element(false) {
			s.skip()
		}
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

func (s *scanner) word(w string) {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		s.fail("wants a value")
		return
	}
	s.i += len(w)
}

func (s *scanner) number() {
	if s.peek() == '-' {
		s.i++
	}
	switch c := s.peek(); {
	case c == '0':
		s.i++
	case c >= '1' && c <= '9':
		s.digits()
	default:
		s.fail("wants a value")
		return
	}
	if s.peek() == '.' {
		s.i++
		s.digits()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		s.digits()
	}
}

func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) digits() {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	if s.i == start {
		s.fail("wants a digit")
	}
}

// str reads a string, whose quote is the next byte, and returns what is between
// the quotes as it is written.
func (s *scanner) str() []byte {
	b, i := s.b, s.i+1
	start := i
	for {
		for i+8 <= len(b) {
			if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for ; i < len(b); i++ { // runs on only within the last eight bytes
			if c := b[i]; c == '"' || c == '\\' || c < ' ' {
				break
			}
		}
		s.i = i + 1
		switch {
		case i >= len(b):
			s.i = len(b)
			s.fail("ends within a string")
			return nil
		case b[i] == '"':
			return b[start:i]
		case b[i] == '\\':
			if s.escape(); s.fault != "" {
				return nil
			}
			i = s.i
		default:
			s.i = i
			s.fail("has a control character in a string")
			return nil
		}
	}
}

// escape reads the rest of an escape sequence, after the backslash.
func (s *scanner) escape() {
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
	case 'u':
		r, ok := hex4(s.b, s.i+1)
		if !ok {
			s.fail("has a bad \\u escape")
			return
		}
		s.i += 5
		switch r >> 10 {
		case 0xD800 >> 10:
			if isLow(s.b, s.i) {
				s.i += 6
				return
			}
			s.lone = true
		case 0xDC00 >> 10:
			s.lone = true
		}
	default:
		s.fail("has a bad escape")
	}
}

// isLow reports whether the second half of a surrogate pair is escaped at b[i:].
func isLow(b []byte, i int) bool {
	low, ok := hex4(b, i+2)
	return ok && b[i] == '\\' && b[i+1] == 'u' && low>>10 == 0xDC00>>10
}

// hex4 reads four hexadecimal digits at b[i:].
func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		d, ok := unhex(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func unhex(c byte) (byte, bool) {
	switch {
	case c-'0' <= 9:
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// special marks, by its top bit, the first byte of eight that is a quote, a
// backslash or a control character. Marks above the first one may be wrong.
func special(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash) & tops
}
