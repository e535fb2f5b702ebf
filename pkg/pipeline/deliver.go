package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// delivery brings a run of items to its end: everything delivered, or stored as
// a dead letter. It belongs to one goroutine.
type delivery struct {
	lane    *lane
	replay  bool
	through uint64 // as of the whole run

	pending [][]sinks.Item // in order; each is one request
	wait    backoff
	tally
}

// errStopped says that a delivery ended before its time; its events are still
// in the journal, before the cursor.
var errStopped = errors.New("stopped")

// run delivers items. It returns nil or, when ctx ended, errStopped.
func (d *delivery) run(ctx context.Context, items []sinks.Item) error {
	d.wait = backoff{initial: d.lane.retryInitial, max: d.lane.retryMax}
	d.pending = append(d.pending[:0], items)
	for len(d.pending) > 0 {
		if len(d.pending[0]) == 0 {
			d.pending = d.pending[1:]
			continue
		}
		if err := d.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// step makes one request and acts on the answer.
func (d *delivery) step(ctx context.Context) error {
	piece := d.pending[0]
	report, err := d.lane.attempt(ctx, sinks.Batch{Items: piece, Through: d.throughOf(), Replay: d.replay})
	if err == nil {
		return d.settle(ctx, piece, report)
	}
	if errors.Is(err, errClosed) {
		return errClosed
	}
	if ctx.Err() != nil {
		return errStopped
	}
	kind := fault.KindOf(err)
	if kind == fault.TooLarge || kind == fault.Refused {
		if len(piece) == 1 {
			return d.refuse(ctx, piece[0], kind, err)
		}
		d.lane.split(kind)
		half := len(piece) / 2
		d.pending = append([][]sinks.Item{piece[:half:half], piece[half:]}, d.pending[1:]...)
		return nil
	}
	return d.lane.pause(ctx, err, &d.wait)
}

// throughOf is the Through of the first pending piece: up to just before what
// is still to come.
func (d *delivery) throughOf() uint64 {
	if len(d.pending) > 1 && len(d.pending[1]) > 0 {
		return d.pending[1][0].Event.Sequence - 1
	}
	return d.through
}

// settle takes in the report on a piece whose request went through.
func (d *delivery) settle(ctx context.Context, piece []sinks.Item, report sinks.Report) error {
	if len(report.Results) == 0 {
		d.delivered += uint64(len(piece))
		d.accepted()
		return nil
	}
	outcomes := make([]*sinks.Result, len(piece))
	for i := range report.Results {
		r := &report.Results[i]
		if r.Index >= 0 && r.Index < len(piece) && outcomes[r.Index] == nil {
			outcomes[r.Index] = r
		}
	}
	var again []sinks.Item
	var letters []deadletter.Letter
	var why error
	var t tally
	for i, r := range outcomes {
		switch {
		case r == nil:
			t.delivered++
		case r.Outcome == sinks.Duplicate:
			t.duplicate++
		case r.Outcome == sinks.Refused:
			letters = append(letters, d.letter(piece[i], fault.ReasonOf(r.Err), r.Err))
			t.deadLetter++
		default: // Again, and whatever we do not know: never given up by accident
			again = append(again, piece[i])
			why = longer(why, r.Err)
		}
	}
	if err := d.lane.bury(ctx, letters); err != nil {
		return err
	}
	d.delivered += t.delivered
	d.duplicate += t.duplicate
	d.deadLetter += t.deadLetter
	if len(again) == 0 {
		d.accepted()
		return nil
	}
	if len(again) < len(piece) {
		d.wait.reset() // it moves
	}
	d.pending[0] = again
	if why == nil {
		why = errors.New("the destination did not accept some events this time")
	}
	return d.lane.pause(ctx, why, &d.wait)
}

// accepted notes that a request went through whole.
func (d *delivery) accepted() {
	d.pending = d.pending[1:]
	d.wait.reset()
	d.lane.succeeded()
}

// refuse makes a dead letter of the one event of a request.
func (d *delivery) refuse(ctx context.Context, item sinks.Item, kind fault.Kind, err error) error {
	reason := fault.ReasonOf(err)
	if kind == fault.TooLarge {
		reason = kind.String()
	}
	if err := d.lane.bury(ctx, []deadletter.Letter{d.letter(item, reason, err)}); err != nil {
		return err
	}
	d.deadLetter++
	d.accepted()
	return nil
}

func (d *delivery) letter(item sinks.Item, reason string, err error) deadletter.Letter {
	return letter(d.lane.name, item.Event, item.Number, item.Body, reason, err)
}

// letter makes the dead letter of an event. Its ID comes from the event, so that
// a crash before the cursor moved does not store it twice.
func letter(sink string, e *event.Event, number uint64, body []byte, reason string, err error) deadletter.Letter {
	text := "refused"
	if err != nil {
		text = err.Error()
	}
	sum := sha256.Sum256([]byte(e.ID))
	return deadletter.Letter{
		ID:       strconv.FormatUint(e.Sequence, 10) + "-" + hex.EncodeToString(sum[:4]),
		Time:     time.Now().UTC(),
		Owner:    sink,
		Kind:     "sink",
		Reason:   reason,
		Error:    text,
		Sequence: e.Sequence,
		Number:   number,
		EventID:  e.ID,
		Body:     body,
	}
}

// longer returns the error that asks for the longer wait; the first of equals.
func longer(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case waitsLong(b) && !waitsLong(a), fault.Wait(b) > fault.Wait(a):
		return b
	default:
		return a
	}
}

// waitsLong says whether a failure is for an operator to end.
func waitsLong(err error) bool { return forOperator(fault.KindOf(err)) }

func forOperator(kind fault.Kind) bool { return kind == fault.Credentials || kind == fault.Setup }

// deliverSafely calls the sink. A panic in it is a bug that must cost neither
// the event nor the other sinks: it is a failure like another.
func deliverSafely(ctx context.Context, sink sinks.Sink, b sinks.Batch) (report sinks.Report, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.Retry, "panic", fmt.Errorf("panic in the sink: %v\n%s", r, debug.Stack()))
		}
	}()
	return sink.Deliver(ctx, b)
}
