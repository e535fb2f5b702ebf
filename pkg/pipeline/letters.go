package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

// RetryResult is what became of dead letters that were tried again.
type RetryResult struct {
	Delivered int // accepted by the sink, or journalled; no longer dead letters
	Refused   int // refused again; they stay
	LastError string
}

// ErrDeciding says that dead letters are being retried or dropped already.
var ErrDeciding = errors.New("dead letters are being retried or dropped already: try again when that has ended")

func noneChosen(owner string) error {
	return fmt.Errorf("%w: none of %s has that id or reason", deadletter.ErrNotFound, owner)
}

// RetryLetters tries dead letters of one owner again: a sink's go through the
// sink, read from the journal again where it still has them, so that a fix of
// the format or the processors counts; a source's go through its decoder into
// the journal. Nil choose: all. It stops at the first failure that is not the
// letter's own, such as a sink that is down. The act is journalled. Choosing none
// is deadletter.ErrNotFound; while others are decided on it is ErrDeciding.
func (p *Pipeline) RetryLetters(ctx context.Context, owner string, choose func(deadletter.Letter) bool) (RetryResult, error) {
	if !p.deciding.TryLock() {
		return RetryResult{}, ErrDeciding
	}
	defer p.deciding.Unlock()
	again := retrier{p: p, owner: owner}
	chosen := choose == nil
	err := p.deps.Letters.List(owner, func(l deadletter.Letter) error {
		if choose != nil && !choose(l) {
			return nil
		}
		chosen = true
		return again.one(ctx, l)
	})
	if err == nil && !chosen {
		return again.result, noneChosen(owner)
	}
	err = errors.Join(err, again.forget())
	if again.result == (RetryResult{}) {
		return again.result, err
	}
	fields := map[string]any{"deadletters": map[string]any{
		"owner": owner, "retried": again.result.Delivered, "refused": again.result.Refused,
	}}
	noted := p.Note(ctx, "shiplog.deadletters.retried", "dead letters of "+owner+" were tried again", event.Low, fields)
	return again.result, errors.Join(err, noted)
}

// forgetEvery is how many letters are removed together, as each removal reads
// the owner's file. A crash before it tries as many once more.
const forgetEvery = 200

// retrier tries letters of one owner again.
type retrier struct {
	p      *Pipeline
	owner  string
	result RetryResult
	done   []string // IDs that are to be removed
}

func (r *retrier) one(ctx context.Context, l deadletter.Letter) error {
	again := r.p.deliverAgain
	if l.Kind == "source" {
		again = r.p.readAgain
	}
	why, err := again(ctx, l)
	if err != nil {
		return fmt.Errorf("retry dead letter %s of %s: %w", l.ID, l.Owner, err)
	}
	if why != "" {
		r.result.Refused++
		r.result.LastError = why
		return nil
	}
	r.result.Delivered++
	r.done = append(r.done, l.ID)
	if len(r.done) >= forgetEvery {
		return r.forget()
	}
	return nil
}

func (r *retrier) forget() error {
	_, err := r.p.deps.Letters.Remove(r.owner, "retried", r.done...)
	r.done = r.done[:0]
	return err
}

// DropLetters removes dead letters of one owner for good, and records why. The
// act is journalled before it happens.
func (p *Pipeline) DropLetters(ctx context.Context, owner, why string, choose func(deadletter.Letter) bool) (int, error) {
	if why == "" {
		return 0, errors.New("dropping dead letters needs a reason")
	}
	if !p.deciding.TryLock() {
		return 0, ErrDeciding
	}
	defer p.deciding.Unlock()
	chosen, err := p.choose(owner, choose)
	if err == nil && len(chosen) == 0 && choose != nil {
		err = noneChosen(owner)
	}
	if err != nil || len(chosen) == 0 {
		return 0, err
	}
	fields := map[string]any{"deadletters": map[string]any{"owner": owner, "dropped": len(chosen), "reason": why}}
	if err := p.Note(ctx, "shiplog.deadletters.dropped", "dead letters of "+owner+" were dropped: "+why, event.Medium, fields); err != nil {
		return 0, err
	}
	return p.deps.Letters.Remove(owner, "dropped: "+why, chosen...)
}

func (p *Pipeline) choose(owner string, choose func(deadletter.Letter) bool) ([]string, error) {
	var chosen []string
	err := p.deps.Letters.List(owner, func(l deadletter.Letter) error {
		if choose == nil || choose(l) {
			chosen = append(chosen, l.ID)
		}
		return nil
	})
	return chosen, err
}

// deliverAgain sends one event to its sink, once. why is not empty where it was
// refused again.
func (p *Pipeline) deliverAgain(ctx context.Context, l deadletter.Letter) (why string, err error) {
	r, err := p.newReplay(ReplayRequest{Sink: l.Owner, DryRun: true})
	if err != nil {
		return "", err
	}
	way, err := r.lane()
	if err != nil {
		return "", err
	}
	if err := p.ready(ctx, way); err != nil {
		return "", err
	}
	item := p.itemOf(l, r)
	report, err := way.attempt(ctx, sinks.Batch{Items: []sinks.Item{item}, Through: l.Sequence, Replay: true})
	if kind := fault.KindOf(err); err != nil && (kind == fault.Refused || kind == fault.TooLarge) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	for _, res := range report.Results {
		switch {
		case res.Index != 0 || res.Outcome == sinks.Duplicate:
		case res.Outcome == sinks.Refused:
			return text(res.Err, "refused"), nil
		default:
			return "", errors.New(text(res.Err, "not accepted this time"))
		}
	}
	return "", nil
}

func text(err error, otherwise string) string {
	if err == nil {
		return otherwise
	}
	return err.Error()
}

// itemOf makes the item of a letter: from the journal, encoded anew, or from the
// letter's body where the journal no longer has it.
func (p *Pipeline) itemOf(l deadletter.Letter, r *replay) sinks.Item {
	if e, ok := p.find(l); ok {
		if body, err := appendSafely(r.enc, nil, e, event.Delivery{Number: l.Number, Replayed: true, By: p.by}); err == nil {
			return sinks.Item{Event: e, Body: body, Number: l.Number}
		}
	}
	e := &event.Event{Envelope: event.Envelope{Sequence: l.Sequence, ID: l.EventID, Occurred: l.Time, Received: l.Time}, Doc: l.Body}
	return sinks.Item{Event: e, Body: l.Body, Number: l.Number}
}

// find reads a letter's event from the journal.
func (p *Pipeline) find(l deadletter.Letter) (*event.Event, bool) {
	if l.Sequence < p.deps.Journal.Oldest() || l.Sequence > p.deps.Journal.Last() {
		return nil, false
	}
	r := p.deps.Journal.Read(l.Sequence)
	defer func() { _ = r.Close() }()
	frame, ok, err := r.TryNext()
	if err != nil || !ok {
		return nil, false
	}
	for i := range frame.Events {
		if e := &frame.Events[i]; e.Sequence == l.Sequence && e.ID == l.EventID {
			return e, true
		}
	}
	return nil, false
}

// readAgain normalizes one record and appends it. why is not empty where it
// still cannot be read.
func (p *Pipeline) readAgain(ctx context.Context, l deadletter.Letter) (why string, err error) {
	if l.Truncated {
		return "only the beginning of the record was kept", nil
	}
	spec, processors, err := p.sourceSpec(l.Owner)
	if err != nil {
		return "", err
	}
	n, err := normalize.New(normalize.Options{Source: l.Owner, Decoder: spec.Decoder, Processors: processors})
	if err != nil {
		return "", err
	}
	w := worker{normalizer: n}
	rec := event.Record{Raw: l.Body, Origin: event.Origin{Name: l.Origin, Offset: -1}, Received: l.Time}
	var out outcome
	w.one(&rec, &out, time.Now().UTC())
	switch out.verdict {
	case normalize.Invalid:
		return out.reason + ": " + text(out.err, "cannot be read"), nil
	case normalize.Drop:
		return "", nil
	default:
	}
	if out.event.Source == "" {
		out.event.Source = l.Owner
	}
	_, err = p.deps.Journal.Append(ctx, journal.Batch{Source: l.Owner, Events: []event.Event{out.event}})
	if err != nil {
		p.fatalIf(err)
	}
	return "", err
}

// ErrNoSource says that there is no source of that name.
var ErrNoSource = errors.New("no such source")

func (p *Pipeline) sourceSpec(name string) (sources.Spec, *normalize.Processors, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.cfg.Sources {
		if s.Name == name {
			return s.Spec, p.cfg.Processors, nil
		}
	}
	return sources.Spec{}, nil, fmt.Errorf("%w: %s", ErrNoSource, name)
}
