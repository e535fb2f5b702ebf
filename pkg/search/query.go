// Package search finds events in the journal: by time, by the fields of the
// envelope, by text and by expression. It reads a live journal without stopping
// it, skips segments outside the time range, and needs the same memory whatever
// the journal's size.
package search

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
)

// Query says which events are wanted. The zero Query wants all. Texts are
// matched without regard to case; in all but Text, * stands for anything.
type Query struct {
	Since, Until time.Time // by when the event occurred: since <= occurred < until; zero: no limit

	From, To uint64 // sequences, inclusive; 0: no limit

	Action    string // the event's full name, or what follows prefect-cloud.
	Actor     string // e-mail, name or id
	Workspace string // id or name
	Resource  string // full id, bare id or name
	Outcome   string // success, failure, unknown
	Source    string // name in the config
	Text      string // anywhere in the event

	// Where is asked last. Nil: nothing more is asked.
	Where *filter.Filter
}

// Fields of the document that a query may look at when the envelope does not
// settle it.
const (
	userName = iota
	userEmail
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
	lower  []byte
}

func newMatcher(q Query) *matcher {
	q.Action, q.Actor = strings.ToLower(q.Action), strings.ToLower(q.Actor)
	q.Workspace, q.Resource = strings.ToLower(q.Workspace), strings.ToLower(q.Resource)
	q.Outcome = strings.ToLower(q.Outcome)
	paths := ecsdoc.NewPaths("user.name", "user.email", "prefect.workspace.name", "prefect.resource.name")
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
		like(q.Actor, field(userName)) || like(q.Actor, field(userEmail))) &&
		(q.Workspace == "" || like(q.Workspace, e.Workspace) || like(q.Workspace, field(workspaceName))) &&
		(q.Resource == "" || like(q.Resource, e.Resource) || like(q.Resource, bare) || like(q.Resource, field(resourceName)))
}

// contains looks for the text in a document, without regard to the case of ASCII
// letters; other letters must be as they are or lower.
func (m *matcher) contains(doc []byte) bool {
	m.lower = m.lower[:0]
	for _, c := range doc {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		m.lower = append(m.lower, c)
	}
	return bytes.Contains(m.lower, m.text)
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
