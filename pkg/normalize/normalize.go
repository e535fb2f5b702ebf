// Package normalize turns a record into an event: decoded once, mapped by the
// catalogue, run through the processors, and encoded once as ECS.
package normalize

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/event"
)

// A Normalizer normalizes the records of one source. It belongs to one
// goroutine; New is cheap enough to have one a worker.
type Normalizer struct {
	source     []byte // as a JSON string
	name       string
	decoder    string
	processors *Processors
	unmapped   func(resourceType string)
	failed     func(processor string)

	plans  map[string]*plan // action, as written in JSON → plan
	fields fields

	createdAt time.Time
	created   []byte // createdAt as JSON
}

// Options are what a normalizer needs to know of its source.
type Options struct {
	Source  string // its name in the config
	Decoder string // prefect, ecs or json; empty: prefect

	// Processors run in order on every event. Compile them once with
	// CompileProcessors; they may be shared.
	Processors *Processors

	// Unmapped, where it is not nil, is called for every event that the catalogue
	// does not have, with its resource type, or "other" where that is not known
	// either: a bounded set.
	Unmapped func(resourceType string)

	// Failed, where it is not nil, is called with a processor's kind for every
	// event that it could not treat. The event is kept as it was.
	Failed func(processor string)
}

const (
	prefectDecoder = "prefect"
	ecsDecoder     = "ecs"
	jsonDecoder    = "json"
)

// Decoders lists the decoders.
func Decoders() []string { return []string{prefectDecoder, ecsDecoder, jsonDecoder} }

// New returns a normalizer. An error names the decoders there are.
func New(o Options) (*Normalizer, error) {
	if o.Decoder == "" {
		o.Decoder = prefectDecoder
	}
	if !slices.Contains(Decoders(), o.Decoder) {
		return nil, unknownDecoder(o.Decoder)
	}
	return &Normalizer{
		source: event.AppendQuoted(nil, o.Source), name: o.Source, decoder: o.Decoder,
		processors: o.Processors, unmapped: o.Unmapped, failed: o.Failed,
		plans: map[string]*plan{},
	}, nil
}

func unknownDecoder(name string) error {
	return fmt.Errorf("unknown decoder %q: there are %s", name, strings.Join(Decoders(), ", "))
}

// Verdict is what became of a record.
type Verdict uint8

// The verdicts.
const (
	Keep    Verdict = iota // it is an event
	Drop                   // dropped on purpose
	Invalid                // it cannot be read: a dead letter
)

// The reasons of Invalid, and of a Drop that no processor asked for.
const (
	NotJSON    = "not_json"
	NotUTF8    = "not_utf8"
	NotObject  = "not_object" // JSON, but no object
	TooDeep    = "too_deep"
	NoAction   = "no_action" // an object with nothing of an event in it
	BadDecoder = "unknown_decoder"
	NotEvent   = "not_event" // Drop: an empty line, or the command line's greeting
)

// Normalize turns a record into an event. The document's memory is taken from
// buf, which is returned grown; strings of the envelope may share memory with
// rec.Raw or with buf, so both must stay as they are until the event has been
// appended. now stands in for rec.Received where that is zero.
//
// With Drop, reason is the processor's kind, or not_event for a line that is no
// record. With Invalid, reason is short and from a bounded set (not_json,
// not_utf8, no_action, …), err says more.
func (n *Normalizer) Normalize(rec *event.Record, now time.Time, buf []byte) (e event.Event, grown []byte, v Verdict, reason string, err error) {
	decoder := n.decoder
	if rec.Decoder != "" {
		decoder = rec.Decoder
	}
	if isChatter(rec.Raw) {
		return e, buf, Drop, NotEvent, nil
	}
	raw := MaskKeys(rec.Raw)
	if !utf8.Valid(raw) {
		return e, buf, Invalid, NotUTF8, errors.New("the record is not UTF-8")
	}
	if !slices.Contains(Decoders(), decoder) {
		return e, buf, Invalid, BadDecoder, unknownDecoder(decoder)
	}
	if reason, err := n.decode(&scanner{b: raw}, decoder); err != nil {
		return e, buf, Invalid, reason, err
	}
	if decoder == ecsDecoder {
		e, buf, err = n.fromECS(rec, raw, now, buf)
		switch {
		case errors.Is(err, errDeep):
			return e, buf, Invalid, TooDeep, err
		case err != nil:
			return e, buf, Invalid, NotJSON, err
		}
	} else {
		e, buf = n.build(rec, raw, now, buf, decoder == jsonDecoder)
	}
	if n.processors == nil {
		return e, buf, Keep, "", nil
	}
	e, buf, v, reason = n.processors.run(e, now, buf, n.failed)
	return e, buf, v, reason, nil
}

// Forget lets go of the last record, and of the memory of its document.
func (n *Normalizer) Forget() { n.fields.reset() }

// isChatter reports whether a line is no record at all: blank, or the greeting
// of Prefect's command line.
func isChatter(raw []byte) bool {
	if len(raw) > 0 && raw[0] == '{' {
		return false
	}
	return len(bytes.TrimSpace(raw)) == 0 || bytes.HasPrefix(raw, []byte("Subscribing to event stream"))
}

// bom is what some editors put in front of a file.
const bom = "\xef\xbb\xbf"

// decode checks the text of a record and takes it apart into n.fields.
func (n *Normalizer) decode(s *scanner, decoder string) (reason string, err error) {
	n.fields.reset()
	s.i = len(s.b) - len(bytes.TrimPrefix(s.b, []byte(bom)))
	switch c := s.space(); {
	case c != '{':
		if s.skip(); s.fault == "" && s.end() {
			return NotObject, errors.New("the record is JSON, but no object")
		}
	case decoder == prefectDecoder:
		decodePrefect(s, &n.fields)
	case decoder == jsonDecoder:
		decodeGeneric(s, &n.fields)
	default:
		s.skip()
		n.fields.seen = true
	}
	if !s.end() {
		if s.fault == faultDeep {
			return TooDeep, fmt.Errorf("the record %s, past %d levels, at byte %d", faultDeep, maxDepth, s.i)
		}
		return NotJSON, fmt.Errorf("the record is not JSON: at byte %d it %s", s.i, s.fault)
	}
	if !n.fields.seen {
		return NoAction, errors.New("the record has nothing of an event: neither id, event, occurred nor resource")
	}
	if decoder == ecsDecoder {
		return "", nil
	}
	if s.breaks || s.lone {
		return n.decode(&scanner{b: tidied(s.b)}, decoder)
	}
	return "", nil
}

// tidied returns a copy of good JSON text that can go into a document as it is:
// on one line, and without halves of surrogate pairs, which stores refuse. Both
// keep its length, so that it is taken apart a second time just the same.
func tidied(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\n', '\r': // never within a string
			b[i] = ' '
		case '\\':
			i++
			if b[i] != 'u' {
				continue
			}
			r, _ := hex4(b, i+1)
			if r>>10 == 0xD800>>10 && isLow(b, i+5) {
				i += 10
				continue
			}
			if r>>11 == 0xD800>>11 {
				copy(b[i+1:], "fffd")
			}
			i += 4
		}
	}
	return b
}

// maxID is how long an id may be: Elasticsearch takes no more for its _id.
const maxID = 512

// build makes the event of n.fields.
func (n *Normalizer) build(rec *event.Record, raw []byte, now time.Time, buf []byte, generic bool) (event.Event, []byte) {
	f := &n.fields
	if len(f.event) == 0 {
		f.event = text("unknown")
	}
	p := n.plan(f.event)
	if p.match.Fallback() && n.unmapped != nil {
		n.unmapped(bounded(p))
	}
	var e event.Event
	e.Hash = sha256.Sum256(raw)

	buf = slices.Grow(buf, 4*len(raw)+1024)
	id := f.id
	if len(id) > maxID {
		f.keep(text("id"), append(append([]byte{'"'}, id...), '"'))
		id = nil
	}
	if len(id) == 0 {
		start := len(buf)
		buf = derivedID(buf, &e.Hash)
		id = buf[start:len(buf):len(buf)]
	}
	place, buf := f.places(rec.Scope, buf)
	at := f.times(rec, now)
	who := f.find(p.entry.Target)

	buf = n.envelope(&e, p, &who, &place, &at, id, buf)
	start := len(buf)
	d := doc{b: buf}
	created := n.createdText(at.created)
	d.head(raw, &e.Hash)
	if generic {
		e.Outcome = outcomeFrom(f.outcome)
		if e.Outcome == event.Failure {
			e.Severity = max(e.Severity, event.Medium)
		}
		d.writeGeneric(f, p, &who, &place, &at, &e, id, created)
		d.tail(n.source, rec, f.payload, f.payloadDepth)
	} else {
		d.write(f, p, &who, &place, &at, id, created)
		d.tail(n.source, rec, nil, 0)
	}
	e.Doc = d.b[start:len(d.b):len(d.b)]
	return e, d.b
}

// createdText writes event.created as JSON. The records of one read have the
// same, so the last one is kept.
func (n *Normalizer) createdText(t time.Time) []byte {
	if len(n.created) == 0 || !t.Equal(n.createdAt) {
		n.createdAt = t
		n.created = append(appendTime(append(n.created[:0], '"'), t), '"')
	}
	return n.created
}

// bounded is a label for an event that the catalogue does not have.
func bounded(p *plan) string {
	if p.entry.Target != "" || p.match.String() == "known_type" {
		return p.kind
	}
	return "other"
}

func (f *fields) times(rec *event.Record, now time.Time) (at times) {
	at.created = now
	if !rec.Received.IsZero() {
		at.created = rec.Received
	}
	var ok bool
	if at.received, ok = parseTime(f.received); !ok {
		at.received, at.noReceived = at.created.UTC(), true
	}
	if at.occurred, ok = parseTime(f.occurred); !ok {
		at.occurred, ok = epoch(f.occurred)
	}
	if !ok {
		at.occurred, at.noOccurred = at.received, true
	}
	return at
}

// envelope fills the envelope. Strings with escapes are written out into buf.
func (n *Normalizer) envelope(e *event.Event, p *plan, who *people, place *places, at *times, id text, buf []byte) []byte {
	plain := func(t text) string {
		if bytes.IndexByte(t, '\\') < 0 {
			return view(t)
		}
		start := len(buf)
		buf = t.appendPlain(buf)
		return view(buf[start:len(buf):len(buf)])
	}
	e.ID = plain(id)
	e.Occurred, e.Received = at.occurred, at.received
	e.Action = p.action
	e.Outcome, e.Severity = p.entry.Outcome, p.severity
	if n.fields.details.allowlist {
		e.Severity = max(e.Severity, event.High)
	}
	e.Source = n.name
	e.Account, e.Workspace = plain(place.account), plain(place.workspace)
	e.Resource = plain(n.fields.resource.id)
	if who.actor != nil {
		e.Actor = plain(who.actor.call())
		e.ActorID = plain(who.actor.bare())
	}
	return buf
}
