package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/sinks"

	"github.com/prometheus/client_golang/prometheus"
)

// fakeJournal is a journal in memory.
type fakeJournal struct {
	mu     sync.Mutex
	frames []journal.Frame
	last   uint64
	grown  chan struct{}
}

func newFakeJournal() *fakeJournal { return &fakeJournal{grown: make(chan struct{})} }

// append adds a frame of n events.
func (j *fakeJournal) append(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := journal.Frame{Source: "s", Appended: time.Now()}
	for range n {
		j.last++
		f.Events = append(f.Events, testEvent(j.last))
	}
	j.frames = append(j.frames, f)
	close(j.grown)
	j.grown = make(chan struct{})
}

// lose makes n sequences unreadable.
func (j *fakeJournal) lose(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last += uint64(n)
}

func testEvent(sequence uint64) event.Event {
	id := fmt.Sprintf("id-%d", sequence)
	action := "prefect-cloud.user.login"
	if sequence%3 == 0 {
		action = "noise"
	}
	return event.Event{
		Envelope: event.Envelope{Sequence: sequence, ID: id, Action: action, Occurred: time.Now(), Source: "s"},
		Doc:      fmt.Appendf(nil, `{"event":{"id":%q},"shiplog":{"version":1}}`, id),
	}
}

func (j *fakeJournal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

func (j *fakeJournal) Oldest() uint64 { return 1 }

func (j *fakeJournal) Read(from uint64) frameReader { return &fakeReader{j: j, from: from} }

type fakeReader struct {
	j    *fakeJournal
	next int
	from uint64
}

func (r *fakeReader) Next(ctx context.Context) (journal.Frame, error) {
	for {
		r.j.mu.Lock()
		grown := r.j.grown
		for r.next < len(r.j.frames) {
			f := r.j.frames[r.next]
			r.next++
			if f.Events[len(f.Events)-1].Sequence < r.from {
				continue
			}
			r.j.mu.Unlock()
			for f.Events[0].Sequence < r.from {
				f.Events = f.Events[1:]
			}
			return f, nil
		}
		r.j.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return journal.Frame{}, ctx.Err()
		}
	}
}

func (r *fakeReader) Close() error { return nil }

// fakeCursor keeps a cursor in memory, as a file would over a crash.
type fakeCursor struct {
	mu     sync.Mutex
	stored journal.Cursor
	ok     bool
	stores int
	fail   error
}

func (c *fakeCursor) Store(v journal.Cursor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	c.stored, c.ok = v, true
	c.stores++
	return nil
}

// onDisk is what a crash would leave.
func (c *fakeCursor) onDisk() (journal.Cursor, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stored, c.ok
}

func (c *fakeCursor) Close() error { return nil }

// fakeSink answers by a function and remembers what it accepted.
type fakeSink struct {
	answer func(ctx context.Context, b sinks.Batch) (sinks.Report, error)

	mu       sync.Mutex
	requests []request
	accepted []uint64 // sequences, in order
	numbers  map[uint64]uint64
	running  int
	most     int // requests that ran at once
}

type request struct {
	at    time.Time
	items int
	bytes int
}

func (s *fakeSink) Deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	s.mu.Lock()
	s.requests = append(s.requests, request{time.Now(), len(b.Items), b.Bytes()})
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	var report sinks.Report
	var err error
	if s.answer != nil {
		report, err = s.answer(ctx, b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if err != nil {
		return report, err
	}
	not := map[int]bool{}
	for _, r := range report.Results {
		not[r.Index] = r.Outcome != sinks.Duplicate
	}
	for i, item := range b.Items {
		if not[i] {
			continue
		}
		seq := item.Event.Sequence
		if want := fmt.Sprintf(`"delivery":%d,"journal":"`, item.Number); !b.Replay && !strings.Contains(string(item.Body), want) {
			return report, fmt.Errorf("body %s does not have %s", item.Body, want)
		}
		if want := `"},"agent":{"id":"agent","type":"shiplog","version":"test"}}`; !strings.HasSuffix(string(item.Body), want) {
			return report, fmt.Errorf("body %s does not end with %s", item.Body, want)
		}
		if s.numbers == nil {
			s.numbers = map[uint64]uint64{}
		}
		s.numbers[seq] = item.Number
		s.accepted = append(s.accepted, seq)
	}
	return report, nil
}

func (s *fakeSink) Close(context.Context) error { return nil }

func (s *fakeSink) got() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

func (s *fakeSink) sent() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// rig is a shipper on fakes.
type rig struct {
	t       *testing.T
	journal *fakeJournal
	cursor  *fakeCursor
	sink    sinks.Sink
	letters *deadletter.Store
	where   string
	common  sinks.Common
	losses  *Losses
	logs    *strings.Builder
}

func newRig(t *testing.T, sink sinks.Sink) *rig {
	t.Helper()
	letters, err := deadletter.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	common := sinks.Defaults("ecs")
	return &rig{
		t: t, journal: newFakeJournal(), cursor: &fakeCursor{}, sink: sink, letters: letters, common: common,
		losses: NewLosses(), logs: new(strings.Builder),
	}
}

// running is a shipper that runs.
type running struct {
	*shipper
	drain func()
	halt  func()
	abort context.CancelFunc
	done  chan struct{}
}

// start starts a shipper where the cursor is.
func (r *rig) start() *running {
	r.t.Helper()
	enc, err := encode.New("ecs")
	if err != nil {
		r.t.Fatal(err)
	}
	var where *filter.Filter
	if r.where != "" {
		if where, err = filter.Compile(r.where); err != nil {
			r.t.Fatal(err)
		}
	}
	logger := slog.New(slog.NewTextHandler(r.logs, nil))
	meter := metrics.New(prometheus.NewRegistry()).Sink("sink")
	c := r.common
	s := &shipper{
		name: "sink", journal: r.journal, log: logger, losses: r.losses, file: r.cursor,
		linger: time.Duration(c.Batch.Linger), window: c.Concurrency, moved: func() {}, meter: meter,
		frames: make(chan journal.Frame), done: make(chan *batch, c.Concurrency),
		storing: every{interval: storeEvery}, phase: phaseStarting,
		lane: &lane{
			name: "sink", sink: r.sink, log: logger, letters: r.letters, meter: meter,
			timeout: time.Duration(c.Timeout), retryInitial: time.Duration(c.Retry.Initial), retryMax: time.Duration(c.Retry.Max),
			slots: make(chan struct{}, c.Concurrency), asked: make(chan struct{}), closed: make(chan struct{}), wake: make(chan struct{}),
		},
		builder: builder{
			sink: "sink", by: event.NewShipper("agent", "", "test", "journal"), filter: where, enc: enc, maxEvents: c.Batch.MaxEvents, maxBytes: int(c.Batch.MaxBytes),
			pool: new(sync.Pool), chunks: new(sync.Pool), unfilter: func(error) {},
		},
	}
	at, _, err := place(r.journal, "journal", c.Start, r.cursor.stored, r.cursor.ok)
	if err != nil {
		r.t.Fatal(err)
	}
	s.setCursor(at)
	ctx, cancel := context.WithCancel(context.Background())
	drain, halt := make(chan struct{}), make(chan struct{})
	run := &running{shipper: s, abort: cancel, done: make(chan struct{})}
	run.drain = sync.OnceFunc(func() { s.lane.drain(time.Now().Add(10 * time.Minute)); close(drain) })
	run.halt = sync.OnceFunc(func() { s.lane.drain(time.Now().Add(10 * time.Minute)); close(halt) })
	go func() {
		defer close(run.done)
		s.run(ctx, drain, halt)
	}()
	return run
}

// finish drains a shipper and waits for it.
func (r *running) finish() {
	r.drain()
	<-r.done
	r.abort()
}

// kill ends a shipper as a crash would: nothing more is stored.
func (r *running) kill() {
	r.abort()
	<-r.done
}

// balance checks that everything in the journal is accounted for.
func (r *rig) balance(s *shipper) {
	r.t.Helper()
	c := s.at()
	if sum := c.Base + c.Delivered + c.Duplicate + c.Filtered + c.DeadLetter + c.Lost; sum != c.Sequence {
		r.t.Errorf("cursor %+v adds up to %d, want its sequence %d", c, sum, c.Sequence)
	}
}

func (r *rig) deadLetters() []deadletter.Letter {
	r.t.Helper()
	var all []deadletter.Letter
	if err := r.letters.List("sink", func(l deadletter.Letter) error { all = append(all, l); return nil }); err != nil {
		r.t.Fatal(err)
	}
	return all
}

// upTo is every sequence from 1 to n.
func upTo(n uint64) []uint64 {
	var all []uint64
	for i := uint64(1); i <= n; i++ {
		all = append(all, i)
	}
	return all
}

func refused(reason string) error {
	return fault.New(fault.Refused, reason, errors.New("mapping conflict"))
}
