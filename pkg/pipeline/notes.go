package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// Note appends an event of the agent's own, in the same chain as all others.
// action begins with "shiplog."; fields go under shiplog.* in the document. It
// returns once the event is durable, and blocks while the journal is full.
func (p *Pipeline) Note(ctx context.Context, action, message string, severity event.Severity, fields map[string]any) error {
	return p.appendOwn(ctx, normalize.Own(action, message, severity, time.Now().UTC(), fields), nil)
}

func (p *Pipeline) appendOwn(ctx context.Context, e event.Event, position event.Position) error {
	e.Source = OwnSource
	_, err := p.deps.Journal.Append(ctx, journal.Batch{Source: OwnSource, Events: []event.Event{e}, Position: position})
	if err != nil {
		p.fatalIf(err)
		return fmt.Errorf("append %s: %w", e.Action, err)
	}
	return nil
}

// Losses collects what the journal says that it lost, for the pipeline to ship
// as events: the journal must not be appended to from within its callback. Give
// Add to the journal and the value to the pipeline. Safe for concurrent use.
type Losses struct {
	mu      sync.Mutex // guards what follows
	known   []span     // sorted, apart
	pending []journal.Loss

	wake chan struct{} // holds a token while something is pending
}

type span struct{ first, last uint64 }

// NewLosses returns an empty collection.
func NewLosses() *Losses { return &Losses{wake: make(chan struct{}, 1)} }

// Add is journal.Deps.Lost. It does not block. What is known is not taken again:
// every reader meets the same hole.
func (l *Losses) Add(loss journal.Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(loss)
}

func (l *Losses) add(loss journal.Loss) {
	for _, s := range l.unknown(span{loss.First, loss.Last}) {
		part := loss
		part.First, part.Last = s.first, s.last
		l.learn(s)
		if n := len(l.pending); n > 0 && mergeable(l.pending[n-1], part) {
			l.pending[n-1].Last = part.Last
		} else {
			l.pending = append(l.pending, part)
		}
	}
	if len(l.pending) == 0 {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// told takes in what an earlier run has shipped already.
func (l *Losses) told(spans []span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pending := l.pending
	l.pending, l.known = nil, nil
	for _, s := range spans {
		l.learn(s)
	}
	for _, loss := range pending {
		l.add(loss)
	}
}

// unknown returns the parts of s that are not known to be lost; l.mu is held.
func (l *Losses) unknown(s span) []span {
	var parts []span
	for _, k := range l.known {
		if k.last < s.first || k.first > s.last {
			continue
		}
		if k.first > s.first {
			parts = append(parts, span{s.first, k.first - 1})
		}
		if k.last >= s.last {
			return parts
		}
		s.first = k.last + 1
	}
	if s.first <= s.last {
		parts = append(parts, s)
	}
	return parts
}

// mergeable says whether b, which follows a, is the same story: segments that
// went one after the other because the journal was full.
func mergeable(a, b journal.Loss) bool {
	return a.Reason == b.Reason && a.Last+1 == b.First && a.Offset < 0 && b.Offset < 0
}

// learn adds a span to known; l.mu is held.
func (l *Losses) learn(s span) {
	l.known = append(l.known, s)
	slices.SortFunc(l.known, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	merged := l.known[:1]
	for _, s := range l.known[1:] {
		end := &merged[len(merged)-1]
		if s.first <= end.last+1 {
			end.last = max(end.last, s.last)
			continue
		}
		merged = append(merged, s)
	}
	l.known = merged
}

// Cover says whether everything from first to last is known to be lost.
func (l *Losses) Cover(first, last uint64) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.known, func(s span) bool { return s.first <= first && last <= s.last })
}

func (l *Losses) take() []journal.Loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.pending
	l.pending = nil
	return taken
}

// The part of the own source's position that says which losses were told, so
// that a restart that meets the same hole does not tell it again.
const gapPart = "gap/"

func gapName(l journal.Loss) string { return fmt.Sprintf("%s%d-%d", gapPart, l.First, l.Last) }

// tellLosses ships each loss as an event, once, until ctx ends.
func (p *Pipeline) tellLosses(ctx context.Context) {
	l := p.deps.Losses
	if l == nil {
		return
	}
	wait := backoff{initial: time.Second, max: time.Minute}
	var todo []journal.Loss
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		todo = append(todo, l.take()...)
		for len(todo) > 0 {
			if err := p.tellLoss(ctx, todo[0]); err != nil {
				if errors.Is(err, journal.ErrClosed) || !sleep(ctx, wait.next()) {
					return
				}
				continue
			}
			wait.reset()
			todo = todo[1:]
		}
		// What is dropped to make room comes often: tell it together.
		if !sleep(ctx, time.Second) {
			return
		}
	}
}

func (p *Pipeline) tellLoss(ctx context.Context, l journal.Loss) error {
	count := l.Last - l.First + 1
	p.deps.Log.Error("events were lost from the journal", "count", count, "first", l.First, "last", l.Last,
		"reason", l.Reason, "segment", l.Segment, "offset", l.Offset, "aside", l.Aside)
	fields := map[string]any{
		"gap": map[string]any{
			"first": l.First, "last": l.Last, "count": count,
			"reason": l.Reason, "segment": l.Segment, "offset": l.Offset,
		},
	}
	message := fmt.Sprintf("%d events, sequence %d to %d, were lost from the journal: %s", count, l.First, l.Last, l.Reason)
	e := normalize.Own("shiplog.gap", message, event.Critical, time.Now().UTC(), fields)
	change := event.Position{gapName(l): []byte(l.Reason)}
	passed := min(p.deps.Journal.Oldest(), p.lowest()+1)
	for part := range p.deps.Journal.Position(OwnSource) {
		if s, ok := parseGap(part); ok && s.last < passed && part != gapName(l) {
			change[part] = nil // no reader can meet that hole again
		}
	}
	return p.appendOwn(ctx, e, change)
}

// resetWait is how long a start waits for room in the journal to tell of a cursor
// that is of no use; the log has told it already.
const resetWait = 5 * time.Second

// tellReset tells that a sink's cursor counts in numbers that the journal does
// not have: it was replaced, or has lost its end.
func (p *Pipeline) tellReset(s *runningShipper, stored journal.Cursor) {
	s.log.Error("the cursor is of another journal, or beyond the journal's end: the sink begins at the oldest event",
		"cursor", stored.Sequence, "last", s.held, "journal", p.deps.Journal.ID(), "cursor_journal", stored.Journal)
	ctx, cancel := context.WithTimeout(context.Background(), resetWait)
	defer cancel()
	message := fmt.Sprintf("the journal was replaced, or has lost its end: sink %s had everything up to sequence %d of it, and begins again with the oldest event, %d",
		s.name, stored.Sequence, s.builder.read+1)
	fields := map[string]any{"sink": s.name, "cursor": map[string]any{
		"sequence": stored.Sequence, "delivery": stored.Numbered, "journal": stored.Journal, "last": s.held,
	}}
	if err := p.Note(ctx, "shiplog.cursor.reset", message, event.Critical, fields); err != nil {
		s.log.Error("that the cursor was of no use could not be journalled", "err", err)
	}
}

func (p *Pipeline) toldGaps() []span {
	var told []span
	for part := range p.deps.Journal.Position(OwnSource) {
		if s, ok := parseGap(part); ok {
			told = append(told, s)
		}
	}
	return told
}

func parseGap(part string) (s span, ok bool) {
	text, ok := strings.CutPrefix(part, gapPart)
	if !ok {
		return s, false
	}
	n, err := fmt.Sscanf(text, "%d-%d", &s.first, &s.last)
	return s, err == nil && n == 2
}
