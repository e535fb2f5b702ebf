package search

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// Fields of the document that a query may look at when the envelope does not
// settle it.
const (
	userName = iota
	userEmail
	userFullName
	workspaceName
	resourceName
)

// matcher answers a query for one event after another. It belongs to one
// goroutine.
type matcher struct {
	q      Query
	text   []byte
	paths  *ecsdoc.Paths
	values []ecsdoc.Value
	plain  []byte // a document without its escapes; memory that is used again
}

func newMatcher(q Query) *matcher {
	q.Action, q.Actor = strings.ToLower(q.Action), strings.ToLower(q.Actor)
	q.Workspace, q.Resource = strings.ToLower(q.Workspace), strings.ToLower(q.Resource)
	q.Outcome = strings.ToLower(q.Outcome)
	paths := ecsdoc.NewPaths("user.name", "user.email", "user.full_name", "prefect.workspace.name", "prefect.resource.name")
	return &matcher{
		q:      q,
		text:   []byte(strings.ToLower(q.Text)),
		paths:  paths,
		values: make([]ecsdoc.Value, paths.Len()),
	}
}

// match reports whether an event is wanted. An expression that cannot be
// answered for it gives an error, and the event is not wanted.
func (m *matcher) match(e *event.Event) (bool, error) {
	q := &m.q
	switch {
	case !q.Since.IsZero() && e.Occurred.Before(q.Since), !q.Until.IsZero() && !e.Occurred.Before(q.Until),
		e.Sequence < q.From, q.To > 0 && e.Sequence > q.To,
		q.Outcome != "" && e.Outcome.String() != q.Outcome,
		q.Source != "" && e.Source != q.Source,
		q.Action != "" && !like(q.Action, e.Action) && !like(q.Action, strings.TrimPrefix(e.Action, "prefect-cloud.")):
		return false, nil
	}
	if !m.named(e) || len(m.text) > 0 && !m.contains(e.Doc) {
		return false, nil
	}
	if q.Where == nil {
		return true, nil
	}
	return q.Where.Match(e)
}

// named answers what people may call by more than one name.
func (m *matcher) named(e *event.Event) bool {
	q := &m.q
	if q.Actor == "" && q.Workspace == "" && q.Resource == "" {
		return true
	}
	read := false
	field := func(i int) string {
		if !read {
			clear(m.values)
			_ = m.paths.Read(e.Doc, m.values) // what cannot be read has no such field
			read = true
		}
		return m.values[i].Text()
	}
	bare := e.Resource[strings.LastIndexByte(e.Resource, '.')+1:]
	return (q.Actor == "" || like(q.Actor, e.Actor) || like(q.Actor, e.ActorID) ||
		like(q.Actor, field(userName)) || like(q.Actor, field(userEmail)) || like(q.Actor, field(userFullName))) &&
		(q.Workspace == "" || like(q.Workspace, e.Workspace) || like(q.Workspace, field(workspaceName))) &&
		(q.Resource == "" || like(q.Resource, e.Resource) || like(q.Resource, bare) || like(q.Resource, field(resourceName)))
}

// contains looks for the text in a document as people read it: without regard to
// case, and to how JSON writes a letter.
func (m *matcher) contains(doc []byte) bool {
	m.plain = ecsdoc.AppendUnescaped(m.plain[:0], doc)
	if lowerASCII(m.plain) {
		return bytes.Contains(m.plain, m.text)
	}
	return bytes.Contains(bytes.ToLower(m.plain), m.text)
}

// lowerASCII makes ASCII letters small, eight bytes at a time, and says whether
// there was nothing but ASCII.
func lowerASCII(text []byte) bool {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	all := uint64(0)
	for len(text) >= 8 {
		w := binary.LittleEndian.Uint64(text)
		low := w &^ high
		big := (low + (0x80-'A')*ones) &^ (low + (0x80-'Z'-1)*ones) &^ w & high // the bytes from A to Z, in their high bits
		binary.LittleEndian.PutUint64(text, w|big>>2)
		all |= w
		text = text[8:]
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			text[i] = c | 0x20
		}
		all |= uint64(c)
	}
	return all&high == 0
}

// like matches text with a lower-case pattern in which * stands for anything.
func like(pattern, text string) bool {
	for {
		star := strings.IndexByte(pattern, '*')
		if star < 0 {
			return strings.EqualFold(pattern, text)
		}
		head := pattern[:star]
		if len(text) < len(head) || !strings.EqualFold(head, text[:len(head)]) {
			return false
		}
		text, pattern = text[len(head):], strings.TrimLeft(pattern[star:], "*")
		if pattern == "" {
			return true
		}
		next := pattern
		if i := strings.IndexByte(pattern, '*'); i >= 0 {
			next = pattern[:i]
		} else if len(text) >= len(next) { // the last piece stands at the end
			return strings.EqualFold(next, text[len(text)-len(next):])
		}
		at := indexFold(text, next)
		if at < 0 {
			return false
		}
		text = text[at:]
	}
}

// indexFold is strings.Index without regard to case.
func indexFold(text, piece string) int {
	for i := 0; i+len(piece) <= len(text); {
		if strings.EqualFold(text[i:i+len(piece)], piece) {
			return i
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return -1
}
