package ecsdoc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// A scanner is one pass over a document.
type scanner struct {
	doc     []byte
	values  []Value
	rest    func(Parent, []byte, Value)
	missing int // fields not found yet
}

// done is true when nothing is left to look for.
func (s *scanner) done() bool { return s.missing == 0 && s.rest == nil }

// object reads the object that begins at i, whose names are looked up in n. It
// returns the index behind it, or less than 0 where it is malformed. When it has
// found everything it returns early.
func (s *scanner) object(i int, n *node, parent Parent) int {
	if i >= len(s.doc) || s.doc[i] != '{' {
		return -1
	}
	i = skipSpace(s.doc, i+1)
	if i < len(s.doc) && s.doc[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(s.doc) || s.doc[i] != '"' {
			return -1
		}
		end := skipString(s.doc, i)
		if end < 0 {
			return -1
		}
		name := s.doc[i+1 : end-1]
		i = skipSpace(s.doc, end)
		if i >= len(s.doc) || s.doc[i] != ':' {
			return -1
		}
		if i = s.member(skipSpace(s.doc, i+1), name, n, parent); i < 0 || s.done() {
			return i
		}
		i = skipSpace(s.doc, i)
		if i >= len(s.doc) {
			return -1
		}
		switch s.doc[i] {
		case ',':
			i = skipSpace(s.doc, i+1)
		case '}':
			return i + 1
		default:
			return -1
		}
	}
}

// member reads the value at i of the member called name.
func (s *scanner) member(i int, name []byte, n *node, parent Parent) int {
	full := name
	next := n.child(name)
	for next == nil {
		dot := bytes.IndexByte(name, '.')
		if dot < 0 {
			break
		}
		if n = n.child(name[:dot]); n == nil {
			break
		}
		parent = parent.with(string(name[:dot]))
		name = name[dot+1:]
		full = name
		next = n.child(name)
	}
	if next == nil {
		end := skipValue(s.doc, i)
		if end >= 0 && s.rest != nil {
			s.rest(parent, full, s.doc[i:end])
		}
		return end
	}
	if next.slot < 0 && len(next.children) > 0 && i < len(s.doc) && s.doc[i] == '{' {
		return s.object(i, next, parent.with(next.nameIn(n)))
	}
	end := skipValue(s.doc, i)
	if end < 0 {
		return -1
	}
	if next.slot >= 0 {
		s.found(next.slot, s.doc[i:end])
		if len(next.children) > 0 && s.doc[i] == '{' {
			rest := s.rest
			s.rest = nil // the whole value is in a path of the set
			s.object(i, next, Parent{})
			s.rest = rest
		}
	} else if s.rest != nil {
		s.rest(parent, full, s.doc[i:end]) // a scalar where the paths expect an object
	}
	return end
}

func (n *node) nameIn(parent *node) string {
	for _, c := range parent.children {
		if c.node == n {
			return c.name
		}
	}
	return ""
}

func (s *scanner) found(slot int, v Value) {
	if s.values[slot] == nil {
		s.missing--
	}
	s.values[slot] = v
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\t' || doc[i] == '\n' || doc[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index behind the string that begins at i, or -1.
func skipString(doc []byte, i int) int {
	i++
	for i+8 <= len(doc) {
		word := binary.LittleEndian.Uint64(doc[i:])
		hit := zeroBytes(word^quotes) | zeroBytes(word^backslashes)
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		if doc[i] == '"' {
			return i + 1
		}
		break
	}
	return skipEscaped(doc, i)
}

// skipEscaped is skipString from i on, within the string.
//
// A record in event.original is an escaped quote every few bytes. Words in which
// every quote follows a backslash, and no backslash another, are passed over
// whole, for to go from one escape to the next is to wait for each.
func skipEscaped(doc []byte, i int) int {
	escaped := uint64(0) // 0x80: the byte at i is
	for i+8 <= len(doc) {
		word := binary.LittleEndian.Uint64(doc[i:])
		quote, slash := zeroBytes(word^quotes), zeroBytes(word^backslashes)
		after := slash<<8 | escaped
		switch {
		case slash&after|quote&^after == 0:
			i, escaped = i+8, slash>>56
		case escaped != 0:
			i, escaped = i+1, 0
		default:
			i += bits.TrailingZeros64(quote|slash) / 8
			if doc[i] == '"' {
				return i + 1
			}
			i += 2
		}
	}
	i += int(escaped >> 7) // #nosec G115 -- one bit
	for i < len(doc) {
		switch doc[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
		i++
	}
	return -1
}

// Eight of a character in one word, for looking at eight bytes at once.
const (
	ones        = 0x0101010101010101
	highBits    = 0x80 * ones
	quotes      = '"' * ones
	backslashes = '\\' * ones
)

// zeroBytes sets the high bit of the lowest byte that is zero. Bytes above it may
// be set wrongly.
func zeroBytes(word uint64) uint64 { return (word - ones) &^ word & highBits }

// skipValue returns the index behind the value that begins at i, or -1.
func skipValue(doc []byte, i int) int {
	if i >= len(doc) {
		return -1
	}
	switch doc[i] {
	case '"':
		return skipString(doc, i)
	case '{', '[':
		return skipNested(doc, i)
	}
	start := i
	for i < len(doc) && !endsScalar[doc[i]] {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// skipNested returns the index behind the object or array that begins at i, or -1.
func skipNested(doc []byte, i int) int {
	depth := 0
	for i < len(doc) {
		switch doc[i] {
		case '"':
			if i = skipString(doc, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

var endsScalar = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, ',': true, ':': true, '}': true, ']': true, '"': true, '{': true, '[': true}
