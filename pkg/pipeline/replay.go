package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/time/rate"

	"github.com/shiplog/shiplog/pkg/atomicfile"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// ReplayRequest says what is shipped again, and to which sink. The limits hold
// together.
type ReplayRequest struct {
	Sink    string    `json:"sink"`
	FromSeq uint64    `json:"from_seq,omitempty"` // 0: the oldest kept
	ToSeq   uint64    `json:"to_seq,omitempty"`   // inclusive; 0: the journal's end at the start
	Since   time.Time `json:"since,omitzero"`     // by when it occurred
	Until   time.Time `json:"until,omitzero"`     // exclusive
	Where   string    `json:"where,omitempty"`    // beside the sink's own where

	// Rate bounds the events a second. 0: as fast as the sink takes them beside
	// live events, which go first in any case.
	Rate int `json:"rate,omitempty"`

	// DryRun counts and delivers nothing.
	DryRun bool `json:"-"`
}

// ID names a request: the same request has the same ID, and goes on where it was
// interrupted.
func (r ReplayRequest) ID() string {
	r.Rate = 0
	text, _ := json.Marshal(r) // of plain fields: it cannot fail
	sum := sha256.Sum256(text)
	return r.Sink + "-" + hex.EncodeToString(sum[:6])
}

// ReplayProgress is how far a replay has got.
type ReplayProgress struct {
	ID        string        `json:"id"`
	Request   ReplayRequest `json:"request"`
	Resumed   bool          `json:"resumed"` // it goes on from an earlier one
	Next      uint64        `json:"next"`    // the sequence that comes next
	Last      uint64        `json:"last"`    // the last sequence of the range
	Matched   uint64        `json:"matched"`
	Delivered uint64        `json:"delivered"`
	Duplicate uint64        `json:"duplicate"`
	Letters   uint64        `json:"dead_letters"`
	Started   time.Time     `json:"started"`
	Left      time.Duration `json:"left"` // negative: not known
	Done      bool          `json:"done"`
}

// ErrNoSink says that there is no sink of that name.
var ErrNoSink = errors.New("no such sink")

// Replay ships a range of the journal to a sink again, beside its live cursor,
// each event marked as replayed, without a delivery number. Live events go
// first. It retries as the live shipper does. Where it is interrupted, the same
// request goes on from there. progress, unless nil, is called after each batch, and
// now and then while nothing matches.
// The pipeline may be running or not; it must not be closed.
func (p *Pipeline) Replay(ctx context.Context, req ReplayRequest, progress func(ReplayProgress)) (ReplayProgress, error) {
	r, err := p.newReplay(req)
	if err != nil {
		return ReplayProgress{}, err
	}
	if progress == nil {
		progress = func(ReplayProgress) {}
	}
	r.tell = progress
	if !req.DryRun {
		fields := map[string]any{"replay": map[string]any{
			"id": r.state.ID, "sink": req.Sink, "from": r.state.Next, "to": r.state.Last, "where": req.Where, "resumed": r.state.Resumed,
		}}
		if err := p.Note(ctx, "shiplog.replay.started", "a replay to sink "+req.Sink+" began", event.Low, fields); err != nil {
			return r.state, err
		}
	}
	err = r.run(ctx)
	if err != nil {
		return r.state, fmt.Errorf("replay to sink %s, at sequence %d: %w", req.Sink, r.state.Next, err)
	}
	if req.DryRun {
		return r.state, nil
	}
	fields := map[string]any{"replay": map[string]any{
		"id": r.state.ID, "sink": req.Sink, "delivered": r.state.Delivered, "duplicate": r.state.Duplicate, "dead_letters": r.state.Letters,
	}}
	return r.state, p.Note(ctx, "shiplog.replay.finished", "a replay to sink "+req.Sink+" ended", event.Low, fields)
}

// Replays returns the replays that were interrupted.
func (p *Pipeline) Replays() ([]ReplayProgress, error) {
	names, err := filepath.Glob(filepath.Join(p.replayDir(), "*.json"))
	if err != nil {
		return nil, err
	}
	var all []ReplayProgress
	for _, name := range names {
		var s ReplayProgress
		if ok, err := readState(name, &s); err != nil {
			return nil, err
		} else if ok {
			all = append(all, s)
		}
	}
	return all, nil
}

func (p *Pipeline) replayDir() string { return filepath.Join(p.deps.DataDir, "replays") }

// replay is one that runs. It belongs to one goroutine.
type replay struct {
	p     *Pipeline
	req   ReplayRequest
	file  string
	own   *filter.Filter // of the request
	tell  func(ReplayProgress)
	limit *rate.Limiter
	began time.Time
	first uint64    // where this run began
	noted time.Time // when it was last noted how far the replay has got
	state ReplayProgress

	spec  SinkSpec
	where *filter.Filter // of the sink
	enc   encode.Encoder

	items []sinks.Item
	ends  []int
	arena []byte
	next  uint64 // after the items
}

func (p *Pipeline) newReplay(req ReplayRequest) (*replay, error) {
	r := &replay{p: p, req: req, limit: rate.NewLimiter(rate.Inf, 0), began: time.Now(), noted: time.Now()}
	if req.Rate > 0 {
		r.limit = rate.NewLimiter(rate.Limit(req.Rate), req.Rate)
	}
	if _, err := r.lane(); err != nil {
		return nil, err
	}
	var err error
	if req.Where != "" {
		if r.own, err = filter.Compile(req.Where); err != nil {
			return nil, err
		}
	}
	if !req.DryRun {
		if err := os.MkdirAll(p.replayDir(), 0o700); err != nil {
			return nil, err
		}
		r.file = filepath.Join(p.replayDir(), req.ID()+".json")
		if r.state.Resumed, err = readState(r.file, &r.state); err != nil {
			return nil, err
		}
	}
	if !r.state.Resumed {
		last := p.deps.Journal.Last()
		if req.ToSeq > 0 {
			last = min(last, req.ToSeq)
		}
		r.state = ReplayProgress{ID: req.ID(), Request: req, Next: max(req.FromSeq, p.deps.Journal.Oldest()), Last: last, Started: time.Now().UTC()}
	}
	r.first = r.state.Next
	return r, nil
}

func readState(name string, into *ReplayProgress) (bool, error) {
	text, err := os.ReadFile(name) // #nosec G304 -- in the data directory
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	into.Resumed = true
	return true, nil
}

// lane finds the way to the sink as it is configured now.
func (r *replay) lane() (*lane, error) {
	r.p.mu.Lock()
	s := r.p.shippers[r.req.Sink]
	r.p.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoSink, r.req.Sink)
	}
	r.spec, r.where, r.enc = s.spec, s.builder.filter, s.builder.enc
	return s.lane, nil
}

// noteEvery is how long a replay reads on at most until it delivers what it has
// found, and notes how far it has got: what matches may be rare.
const noteEvery = time.Second

// run reads the range and delivers it.
func (r *replay) run(ctx context.Context) error {
	reader := r.reader()
	defer func() { _ = reader.Close() }()
	r.next = r.state.Next
	for r.next <= r.state.Last && ctx.Err() == nil {
		frame, ok, err := reader.TryNext()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		for i := range frame.Events {
			if err := r.take(ctx, &frame.Events[i]); err != nil {
				return err
			}
		}
		if time.Since(r.noted) >= noteEvery {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.next = max(r.next, r.state.Last+1)
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.state.Done, r.state.Left = true, 0
	r.tell(r.state)
	if r.file != "" {
		if err := os.Remove(r.file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *replay) reader() *journal.Reader {
	if !r.req.Since.IsZero() || !r.req.Until.IsZero() {
		return r.p.deps.Journal.ReadTime(r.state.Next, r.req.Since, r.req.Until)
	}
	return r.p.deps.Journal.Read(r.state.Next)
}

// wants says whether an event is in the range and passes both filters. One that
// a filter cannot be asked of is wanted.
func (r *replay) wants(e *event.Event) bool {
	if !r.req.Since.IsZero() && e.Occurred.Before(r.req.Since) || !r.req.Until.IsZero() && !e.Occurred.Before(r.req.Until) {
		return false
	}
	for _, f := range []*filter.Filter{r.where, r.own} {
		if f == nil {
			continue
		}
		if keep, err := f.Match(e); err == nil && !keep {
			return false
		}
	}
	return true
}

// take puts an event into the batch, and delivers the batch once it is full.
func (r *replay) take(ctx context.Context, e *event.Event) error {
	if e.Sequence < r.state.Next || e.Sequence < r.next || e.Sequence > r.state.Last {
		return nil
	}
	if !r.wants(e) {
		r.next = e.Sequence + 1
		return nil
	}
	if r.req.DryRun {
		r.state.Matched++
		r.next = e.Sequence + 1
		r.state.Next = r.next
		return nil
	}
	limits := r.spec.Spec.Batch
	arena, err := appendSafely(r.enc, r.arena, e, event.Delivery{Replayed: true, By: r.p.by})
	if err != nil {
		return r.refuse(e, err)
	}
	if len(r.items) > 0 && len(arena) > int(limits.MaxBytes) {
		if err := r.flush(ctx); err != nil {
			return err
		}
		if arena, err = appendSafely(r.enc, r.arena, e, event.Delivery{Replayed: true, By: r.p.by}); err != nil {
			return err
		}
	}
	r.arena = arena
	c := e.Clone() // its frame may be large, and the next match far
	r.items = append(r.items, sinks.Item{Event: &c})
	r.ends = append(r.ends, len(arena))
	r.state.Matched++
	r.next = e.Sequence + 1
	most := limits.MaxEvents
	if r.req.Rate > 0 {
		most = min(most, r.req.Rate)
	}
	if len(r.items) >= most {
		return r.flush(ctx)
	}
	return nil
}

// refuse makes a dead letter of an event that cannot be encoded.
func (r *replay) refuse(e *event.Event, err error) error {
	r.state.Matched++
	r.state.Letters++
	r.next = e.Sequence + 1
	return r.p.deps.Letters.Put(r.req.Sink, letter(r.req.Sink, e, 0, e.Doc, "encode", err))
}

// flush delivers the batch, and notes how far the replay has got.
func (r *replay) flush(ctx context.Context) error {
	start := 0
	for i, end := range r.ends {
		r.items[i].Body = r.arena[start:end:end]
		start = end
	}
	if len(r.items) > 0 {
		if err := r.limit.WaitN(ctx, min(len(r.items), max(1, r.req.Rate))); err != nil {
			return err
		}
		if err := r.deliver(ctx); err != nil {
			return err
		}
	}
	clear(r.items)
	r.items, r.ends, r.arena = r.items[:0], r.ends[:0], r.arena[:0]
	r.state.Next = r.next
	r.state.Left = r.left()
	r.noted = time.Now()
	r.tell(r.state)
	if r.file == "" {
		return nil
	}
	text, err := json.Marshal(r.state)
	if err != nil {
		return err
	}
	return atomicfile.Write(r.file, text, 0o600)
}

// deliver brings the batch to its end. A reload may replace the sink meanwhile:
// what is left goes to the new one.
func (r *replay) deliver(ctx context.Context) error {
	left := r.items
	for {
		l, err := r.lane()
		if err != nil {
			return err
		}
		if err := r.p.ready(ctx, l); err != nil {
			return err
		}
		l.yield(ctx)
		d := delivery{lane: l, replay: true, through: left[len(left)-1].Event.Sequence}
		err = d.run(ctx, left)
		r.state.Delivered += d.delivered
		r.state.Duplicate += d.duplicate
		r.state.Letters += d.deadLetter
		if err == nil {
			return nil
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case r.p.ended():
			return errors.New("the agent stops; the same request goes on from here")
		case !errors.Is(err, errClosed) && !errors.Is(err, errStopped):
			return err
		}
		if !sleep(ctx, 100*time.Millisecond) { // until the reload is through
			return ctx.Err()
		}
		left = nil
		for _, piece := range d.pending {
			left = append(left, piece...)
		}
	}
}

func (r *replay) left() time.Duration {
	done := r.state.Next - r.first
	if done == 0 || r.state.Next > r.state.Last {
		return -1
	}
	per := float64(time.Since(r.began)) / float64(done)
	return time.Duration(per * float64(r.state.Last+1-r.state.Next))
}

// ended says whether the pipeline has run and no longer does.
func (p *Pipeline) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ran && p.live == nil
}

// ready waits until a sink that knows how far it has got was asked, as its
// contract wants before the first delivery.
func (p *Pipeline) ready(ctx context.Context, l *lane) error {
	p.mu.Lock()
	running := p.live != nil
	s := p.shippers[l.name]
	p.mu.Unlock()
	if !running && s != nil && s.lane == l {
		return l.askOnce(ctx, s.at().Sequence)
	}
	select {
	case <-l.asked:
		return nil
	case <-l.closed:
		return nil // found out by the attempt
	case <-ctx.Done():
		return ctx.Err()
	}
}
