package prefectcloud

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sources"
)

// source is a configured source; run is one call of its Run.
type source struct {
	cfg    Config
	deps   sources.Deps
	client *client
	names  names
	pace   pace
}

// pace is how long to wait for what. Small poll intervals make all of it small.
type pace struct {
	poll      time.Duration
	relaxed   time.Duration // poll, while the stream is healthy
	retry     time.Duration // the first wait after a failure
	retryMax  time.Duration
	refused   time.Duration // the wait while we are not let in
	ping      time.Duration // of a websocket
	longAway  time.Duration // a gap above this is a backfill of its own
	preflight time.Duration // between looks at the plan
}

func newPace(c Config) pace {
	poll := time.Duration(c.PollInterval)
	return pace{
		poll:      poll,
		relaxed:   max(poll, min(4*poll, time.Duration(c.Overlap)/2)),
		retry:     min(time.Second, poll),
		retryMax:  min(time.Minute, 10*poll),
		refused:   min(5*time.Minute, 10*poll),
		ping:      min(20*time.Second, 4*poll),
		longAway:  min(time.Hour, 120*poll),
		preflight: time.Hour,
	}
}

func open(c Config, deps sources.Deps) (sources.Source, error) {
	t, err := c.target(os.Getenv)
	if err != nil {
		return nil, err
	}
	cl, err := newClient(c, t, deps)
	if err != nil {
		return nil, err
	}
	return &source{cfg: c, deps: deps, client: cl, names: newNames(c, t.account != ""), pace: newPace(c)}, nil
}

// run is what the goroutines of one Run share.
type run struct {
	*source

	storing sync.Mutex // emit calls must not overlap
	emit    sources.Emit

	taken map[string]bool // repair files that are in the journal; of upkeep

	feeds []*feedRun

	mu       sync.Mutex // guards what follows, and the marks of the feeds
	plan     plan
	failing  map[string]bool // feeds that cannot be read
	nagged   time.Time       // when the nearing end of the retention was last told
	history  string          // how far a backfill is; empty: there is none
	expected time.Time       // when it will be done
}

// feedRun is a feed being read. Its marks are guarded by run.mu.
type feedRun struct {
	feed
	marks

	known    known
	streamed bool // the websocket delivers; guarded by run.mu
}

// Run implements sources.Source.
func (s *source) Run(ctx context.Context, from event.Position, emit sources.Emit) error {
	defer s.client.http.CloseIdleConnections()
	r := &run{source: s, emit: emit, taken: takenOf(from), failing: make(map[string]bool)}
	for _, f := range s.client.feeds {
		m, err := decodeMarks(f.name, from)
		if err != nil {
			return err
		}
		r.feeds = append(r.feeds, &feedRun{feed: f, marks: m})
	}
	if err := r.prepare(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	var jobs []job
	if !s.deps.Once {
		jobs = append(jobs, r.upkeep)
	}
	for _, f := range r.feeds {
		jobs = append(jobs, func(ctx context.Context) error { return r.read(ctx, f) })
	}
	return unlessEnded(ctx, together(ctx, jobs))
}

// prepare is what comes before the feeds.
func (r *run) prepare(ctx context.Context) error {
	if err := r.patiently(ctx, "", r.preflight); err != nil || !r.deps.Once {
		return err
	}
	return r.repairs(ctx)
}

// read reads a feed: once up to now, or for ever. A feed that cannot be read
// holds up no other.
func (r *run) read(ctx context.Context, f *feedRun) error {
	if err := r.patiently(ctx, f.name, func(ctx context.Context) error { return r.begin(ctx, f) }); err != nil {
		return err
	}
	r.report()
	of := func(do func(context.Context, *feedRun) error) job {
		return func(ctx context.Context) error { return do(ctx, f) }
	}
	if r.deps.Once {
		if err := r.backfills(ctx, f); err != nil {
			return err
		}
		return r.patiently(ctx, f.name, of(r.pass))
	}
	jobs := []job{of(r.polls), of(r.backfills)}
	if r.cfg.Mode == "stream" {
		jobs = append(jobs, of(r.stream))
	}
	return together(ctx, jobs)
}

type job func(ctx context.Context) error

// together does jobs until all have ended; the first that fails ends the others.
func together(ctx context.Context, jobs []job) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(jobs))
	for _, do := range jobs {
		go func() { ended <- do(ctx) }()
	}
	var err error
	for range jobs {
		if e := <-ended; e != nil {
			cancel()
			if err == nil {
				err = e
			}
		}
	}
	return err
}

// unlessEnded turns the error of a run that was told to end into none. A failure
// to store comes before the end that it causes.
func unlessEnded(ctx context.Context, err error) error {
	if _, ok := errors.AsType[storeError](err); ok && !errors.Is(err, context.Canceled) {
		return err
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is how a source ends
	}
	return err
}

// store hands events and a change of position on.
func (r *run) store(ctx context.Context, records []event.Record, next event.Position) error {
	r.storing.Lock()
	defer r.storing.Unlock()
	return r.emit(ctx, records, next)
}

func (r *run) records(f feed, items []item, late bool) []event.Record {
	now := time.Now().UTC()
	records := make([]event.Record, len(items))
	for i, it := range items {
		records[i] = event.Record{Raw: it.raw, Origin: event.Origin{Name: f.name, Offset: -1}, Received: now, Scope: f.scope, Late: late}
	}
	return records
}

// patiently repeats what fails, at a bounded rate, until it does not. It returns
// an error only for a failure to store, or when ctx has ended.
func (r *run) patiently(ctx context.Context, feed string, try job) error {
	wait := r.pace.retry
	for {
		err := try(ctx)
		if err == nil {
			r.working(feed)
			return nil
		}
		if _, ok := errors.AsType[storeError](err); ok || ctx.Err() != nil {
			return err
		}
		d := r.wait(err, wait)
		r.failed(feed, err, d)
		if !r.client.waitForKey(ctx, fault.KindOf(err), d) {
			return ctx.Err()
		}
		wait = min(2*wait, r.pace.retryMax)
	}
}

// tries is how often one request is repeated before the whole read is.
const tries = 6

// severally repeats what fails a few times. It is for single requests.
func (r *run) severally(ctx context.Context, feed string, try func() error) error {
	wait := r.pace.retry
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == tries || !repeatable(err) || ctx.Err() != nil {
			return err
		}
		d := r.wait(err, wait)
		r.failed(feed, err, d)
		if !sleep(ctx, d) {
			return ctx.Err()
		}
		wait = min(2*wait, r.pace.retryMax)
	}
}

// repeatable tells whether the same request may do better the next time.
func repeatable(err error) bool {
	switch fault.ReasonOf(err) {
	case "bad_cursor", "too_large":
		return false
	}
	return fault.KindOf(err) == fault.Retry
}

// wait is how long to wait after a failure: as long as the service asked us to,
// and long where trying again soon cannot help.
func (r *run) wait(err error, backoff time.Duration) time.Duration {
	d := backoff
	if kind := fault.KindOf(err); kind != fault.Retry && kind != fault.TooLarge {
		d = r.pace.refused
	}
	return max(jitter(d), fault.Wait(err))
}

func jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1)) // #nosec G404 -- no secret
}

func (r *run) failed(feed string, err error, wait time.Duration) {
	r.mu.Lock()
	r.failing[feed] = true
	r.mu.Unlock()
	r.deps.Monitor.Connected(false)
	r.deps.Monitor.Failed(fault.ReasonOf(err), err)
	r.deps.Monitor.Waiting("the service", time.Now().Add(wait))
	r.deps.Log.Warn("the events API cannot be read; it is tried again", "feed", feed, "wait", wait, "err", err)
}

// working is called when a feed could be read; connected is only what all can.
func (r *run) working(feed string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failing, feed)
	if len(r.failing) > 0 {
		return
	}
	r.deps.Monitor.Connected(true)
	r.deps.Monitor.Waiting(r.history, r.expected)
}

// tell reports a failure that is lived through.
func (r *run) tell(err error) {
	r.deps.Monitor.Failed(fault.ReasonOf(err), err)
	r.deps.Log.Warn("the events API is not consistent", "err", err)
}

// waitForKey waits, but while we are not let in no longer than until the
// credentials change.
func (c *client) waitForKey(ctx context.Context, kind fault.Kind, d time.Duration) bool {
	if kind != fault.Credentials {
		return sleep(ctx, d)
	}
	key, basic := c.key.Reveal(), c.basic.Reveal()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if !sleep(ctx, min(time.Second, time.Until(end))) {
			return false
		}
		if c.key.Reveal() != key || c.basic.Reveal() != basic {
			return true
		}
	}
	return ctx.Err() == nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
