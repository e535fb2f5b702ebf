package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/search"
)

const (
	defaultEvents = 100
	maxEvents     = 1000
	maxSearches   = 2 // at once: each reads the disk
	searchLimit   = 10 * time.Second
)

// Envelope is an event as the API lists it.
type Envelope struct {
	Sequence  uint64    `json:"sequence"`
	ID        string    `json:"id"`
	Occurred  time.Time `json:"occurred"`
	Received  time.Time `json:"received"`
	Action    string    `json:"action"`
	Actor     string    `json:"actor,omitempty"`
	ActorID   string    `json:"actor_id,omitempty"`
	Account   string    `json:"account,omitempty"`
	Workspace string    `json:"workspace,omitempty"`
	Resource  string    `json:"resource,omitempty"`
	Outcome   string    `json:"outcome,omitempty"`
	Severity  string    `json:"severity"`
	Source    string    `json:"source"`
}

func envelopeOf(e *event.Event) Envelope {
	return Envelope{
		Sequence: e.Sequence, ID: e.ID, Occurred: e.Occurred, Received: e.Received,
		Action: e.Action, Actor: e.Actor, ActorID: e.ActorID, Account: e.Account, Workspace: e.Workspace,
		Resource: e.Resource, Outcome: e.Outcome.String(), Severity: e.Severity.String(), Source: e.Source,
	}
}

// searcher answers searches, a few at a time.
type searcher struct {
	dir   string
	turns chan struct{}

	mu   sync.Mutex // guards view
	view *journal.View
}

func newSearcher(dir string) *searcher {
	return &searcher{dir: dir, turns: make(chan struct{}, maxSearches)}
}

// ask is one search: what, how many, from which end.
type ask struct {
	query  search.Query
	limit  int
	oldest bool // first; else newest first
}

// countLost counts what the range of a search holds that cannot be read.
func (a *ask) countLost() *uint64 {
	lost := new(uint64)
	a.query.Lost = func(first, next uint64) { *lost += next - first }
	return lost
}

// answered is what a search found, in the order that its ask wants.
type answered struct {
	events  []event.Event
	rest    uint64 // where a further search goes on; 0: there is nothing more
	stopped bool   // before its range was read, because it took too long
}

func (s *searcher) events(ctx context.Context, a ask) (answered, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, searchLimit, errTooLong)
	defer cancel()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return answered{}, errBusy
	}
	v, err := s.open()
	if errors.Is(err, os.ErrNotExist) {
		return answered{}, nil // nothing was ever appended
	}
	if err != nil {
		return answered{}, err
	}
	find := search.Last
	if a.oldest {
		find = search.First
	}
	var f answered
	f.events, err = find(ctx, v, a.query, a.limit+1)
	if stopped, ok := errors.AsType[*search.Stopped](err); ok {
		if err = context.Cause(ctx); errors.Is(err, errTooLong) && a.further(stopped.Sequence) {
			f.rest, f.stopped, err = stopped.Sequence, true, nil
		}
	}
	if err != nil {
		return answered{}, err
	}
	if !a.oldest {
		slices.Reverse(f.events)
	}
	if len(f.events) > a.limit {
		f.rest, f.stopped = f.events[a.limit].Sequence, false
		f.events = f.events[:a.limit]
	}
	return f, nil
}

// further says whether a search that goes on at a sequence has got anywhere.
func (a *ask) further(sequence uint64) bool {
	if a.oldest {
		return sequence > max(a.query.From, 1)
	}
	return a.query.To == 0 || sequence < a.query.To
}

func (s *searcher) open() (*journal.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		v, err := journal.OpenReadOnly(s.dir)
		if err != nil {
			return nil, err
		}
		s.view = v
	}
	return s.view, nil
}

// one gives the event with a sequence.
func (s *searcher) one(ctx context.Context, text string) (*event.Event, error) {
	sequence, err := strconv.ParseUint(text, 10, 64)
	if err != nil || sequence == 0 {
		return nil, askError{fmt.Sprintf("%q is no sequence", text)}
	}
	a := ask{query: search.Query{From: sequence, To: sequence}, limit: 1, oldest: true}
	lost := a.countLost()
	f, err := s.events(ctx, a)
	if err != nil {
		return nil, err
	}
	if *lost > 0 {
		return nil, fmt.Errorf("%w: event %d is damaged in the journal and cannot be read", errNotFound, sequence)
	}
	if len(f.events) == 0 {
		return nil, fmt.Errorf("%w: the journal does not hold event %d (any more)", errNotFound, sequence)
	}
	return &f.events[0], nil
}

// searchParams are the parameters of a search, in the order of a page's address.
var searchParams = []string{
	"since", "until", "action", "actor", "workspace", "resource", "outcome", "source",
	"text", "where", "order", "limit", "from", "to", "format",
}

// parseAsk reads a search from an address. A parameter that is not known is a
// mistake: a filter that is silently left out gives a wrong answer.
func parseAsk(q url.Values, now time.Time) (a ask, err error) {
	for name := range q {
		if !slices.Contains(searchParams, name) {
			why := fmt.Sprintf("%q is no parameter of a search", name)
			if near := config.Nearest(name, searchParams); near != "" {
				why += fmt.Sprintf("; did you mean %q?", near)
			}
			return a, askError{why}
		}
	}
	s := &a.query
	s.Action, s.Actor, s.Workspace, s.Resource = q.Get("action"), q.Get("actor"), q.Get("workspace"), q.Get("resource")
	s.Outcome, s.Source, s.Text = q.Get("outcome"), q.Get("source"), q.Get("text")
	if s.Since, err = search.ParseTime(q.Get("since"), now); err != nil {
		return a, askError{"since: " + err.Error()}
	}
	if s.Until, err = search.ParseTime(q.Get("until"), now); err != nil {
		return a, askError{"until: " + err.Error()}
	}
	for name, into := range map[string]*uint64{"from": &s.From, "to": &s.To} {
		if text := q.Get(name); text != "" {
			if *into, err = strconv.ParseUint(text, 10, 64); err != nil {
				return a, askError{name + ": a sequence is a number"}
			}
		}
	}
	if text := q.Get("where"); text != "" {
		if s.Where, err = filter.Compile(text); err != nil {
			return a, askError{"where: " + err.Error()}
		}
	}
	switch q.Get("order") {
	case "", "newest":
	case "oldest":
		a.oldest = true
	default:
		return a, askError{"order: newest or oldest"}
	}
	if err := s.Check(); err != nil {
		return a, askError{err.Error()}
	}
	a.limit, err = limitOf(q.Get("limit"), defaultEvents, maxEvents)
	return a, err
}

// further gives the address of the next page of a search; empty if there is none.
func further(q url.Values, a ask, f answered) string {
	if f.rest == 0 {
		return ""
	}
	next := url.Values{}
	for name, values := range q {
		next[name] = values
	}
	end := "to"
	if a.oldest {
		end = "from"
	}
	next.Set(end, strconv.FormatUint(f.rest, 10))
	return "?" + next.Encode()
}

// Found is the body of GET /api/events.
type Found struct {
	Events []Envelope `json:"events"`
	More   bool       `json:"more"`
	Next   string     `json:"next,omitempty"` // address of the next page

	// Stopped says that the search took too long and ended before its range did:
	// next goes on with it.
	Stopped bool `json:"stopped,omitempty"`

	// Unreadable is how many events of the range are damaged in the journal: what
	// was asked for may be among them.
	Unreadable uint64 `json:"unreadable,omitempty"`
}

// searchEvents answers GET /api/events: envelopes as JSON, or with a format one
// encoded event a line.
func (h *handlers) searchEvents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a, err := parseAsk(q, time.Now())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	format := q.Get("format")
	var enc encode.Encoder
	if format != "" && format != "json" {
		if enc, err = encode.New(format); err != nil {
			h.fail(w, r, askError{"format: json, or " + err.Error()})
			return
		}
	}
	lost := a.countLost()
	f, err := h.searcher.events(r.Context(), a)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	next := further(q, a, f)
	if enc != nil {
		if next != "" {
			w.Header().Set("Link", "</api/events"+next+`>; rel="next"`)
		}
		if *lost > 0 {
			w.Header().Set("X-Shiplog-Unreadable", strconv.FormatUint(*lost, 10))
		}
		writeLines(w, f.events, enc, format, h.Pipeline.Shipper())
		return
	}
	body := Found{Events: make([]Envelope, 0, len(f.events)), More: next != "", Stopped: f.stopped, Unreadable: *lost}
	if next != "" {
		body.Next = "/api/events" + next
	}
	for i := range f.events {
		body.Events = append(body.Events, envelopeOf(&f.events[i]))
	}
	answer(w, http.StatusOK, body)
}

func writeLines(w http.ResponseWriter, events []event.Event, enc encode.Encoder, format string, by *event.Shipper) {
	kind := "application/x-ndjson"
	if format == "cef" || format == "leef" || format == "raw" {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	var buf []byte
	for i := range events {
		line, err := enc.Append(buf[:0], &events[i], event.Delivery{By: by})
		if err != nil {
			continue // it has no form in this format
		}
		buf = append(line, '\n')
		if _, err := w.Write(buf); err != nil { // #nosec G705 -- as JSON lines or plain text, with nosniff
			return
		}
	}
}

// Detail is the body of GET /api/events/{sequence}.
type Detail struct {
	Envelope
	ECS  json.RawMessage `json:"ecs"`
	OCSF json.RawMessage `json:"ocsf"`
	Raw  string          `json:"raw"`
}

func (h *handlers) detailOf(e *event.Event) (Detail, error) {
	d := Detail{Envelope: envelopeOf(e)}
	ecs, err := h.encoded(e, "ecs")
	if err != nil {
		return d, err
	}
	ocsf, err := h.encoded(e, "ocsf")
	if err != nil {
		return d, err
	}
	raw, err := h.encoded(e, "raw")
	d.ECS, d.OCSF, d.Raw = ecs, ocsf, string(raw)
	return d, err
}

func (h *handlers) encoded(e *event.Event, format string) ([]byte, error) {
	enc, err := encode.New(format)
	if err != nil {
		return nil, err
	}
	return enc.Append(nil, e, event.Delivery{By: h.Pipeline.Shipper()})
}

func (h *handlers) showEvent(w http.ResponseWriter, r *http.Request) {
	e, err := h.searcher.one(r.Context(), r.PathValue("sequence"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	d, err := h.detailOf(e)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, d)
}
