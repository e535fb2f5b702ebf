package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
)

// Pipeline moves events from sources through the journal to sinks. New makes
// one, Run or RunOnce runs it, once; the other methods may be called at any time
// from any goroutine.
type Pipeline struct {
	deps   Deps
	by     *event.Shipper // what every event says of this agent
	chunks sync.Pool      // of *chunk: what batches are made of

	applying sync.Mutex // held by Apply and by the ends of Run: one change at a time
	deciding sync.Mutex // held by RetryLetters and DropLetters: no letter is sent twice

	mu       sync.Mutex // guards what follows
	cfg      Config
	intakes  map[string]*runningIntake
	shippers map[string]*runningShipper
	live     *live // nil while not running
	ran      bool
	failure  error // what stopped the pipeline

	failed chan struct{} // closed when failure is set
}

// live is what a run gives to the parts that it starts.
type live struct {
	intake context.Context //nolint:containedctx // the lifetime of all intakes; parts are started later, by a reload
	hard   context.Context //nolint:containedctx // the lifetime of all requests; it outlives intake, for draining
	once   bool
}

type runningIntake struct {
	*intake
	stop context.CancelFunc // nil: not started
}

type runningShipper struct {
	*shipper
	spec  SinkSpec
	drain func()             // asks it to stop at the journal's end; nil: not started
	halt  func()             // asks it to stop after the requests that run
	abort context.CancelFunc // ends requests
	done  chan struct{}      // closed when run has returned
}

// New checks the config and builds every part. It opens no connection and starts
// no goroutine; cursor files are opened.
func New(cfg Config, deps Deps) (*Pipeline, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if deps.Metrics == nil {
		deps.Metrics = metrics.New(prometheus.NewRegistry())
	}
	if err := os.MkdirAll(filepath.Join(deps.DataDir, "cursors"), 0o700); err != nil {
		return nil, fmt.Errorf("open cursors: %w", err)
	}
	p := &Pipeline{
		deps:     deps,
		by:       event.NewShipper(deps.Agent, deps.Host, deps.Version, deps.Journal.ID()),
		cfg:      cfg,
		intakes:  make(map[string]*runningIntake),
		shippers: make(map[string]*runningShipper),
		failed:   make(chan struct{}),
	}
	if err := p.build(); err != nil {
		p.giveUp()
		return nil, err
	}
	if deps.Losses != nil {
		deps.Losses.told(p.toldGaps())
	}
	deps.Metrics.DeadLetters(func() map[string]int {
		counts, err := deps.Letters.Count()
		if err != nil {
			deps.Log.Warn("count the dead letters", "err", err)
		}
		return counts
	})
	p.watermark()
	return p, nil
}

func (p *Pipeline) build() error {
	var errs []error
	for _, spec := range p.cfg.Sinks {
		s, err := p.newShipper(spec)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.shippers[spec.Name] = s
	}
	// Sources are opened when they are run: whether once is known then.
	return errors.Join(errs...)
}

// Close closes a pipeline that was never run, such as one for a replay by a
// process of its own. Run closes by itself.
func (p *Pipeline) Close() {
	p.mu.Lock()
	ran := p.ran
	p.ran = true
	p.mu.Unlock()
	if !ran {
		p.giveUp()
	}
}

// giveUp closes what New opened.
func (p *Pipeline) giveUp() {
	for _, s := range p.shippers {
		_ = s.file.Close()
		_ = s.lane.sink.Close(context.Background())
	}
}

// Run moves events until ctx ends, then lets shippers empty the backlog for at
// most Config.ShutdownTimeout; what is left stays in the journal and is shipped
// after the next start. It returns early only when the journal must not be
// written to any more. Every goroutine that it starts has ended when it returns,
// but for requests that a sink did not end when told to.
func (p *Pipeline) Run(ctx context.Context) error {
	return p.run(ctx, false, 0)
}

var errRan = errors.New("pipeline: it has run already")

// run starts everything, waits until ctx ends, the journal fails or, once,
// every source has read what there was, and stops everything in order. limit is
// how long a run that is once may take; 0: for ever.
func (p *Pipeline) run(ctx context.Context, once bool, limit time.Duration) error {
	intake, stopIntake := context.WithCancel(ctx)
	defer stopIntake()
	hard, abort := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx: draining needs it
	defer abort()
	if limit > 0 {
		defer time.AfterFunc(limit, func() { stopIntake(); abort() }).Stop()
	}
	if err := p.start(&live{intake: intake, hard: hard, once: once}); err != nil {
		return err
	}
	notes, stopNotes := context.WithCancel(hard)
	defer stopNotes()
	var background sync.WaitGroup
	background.Go(func() { p.tellLosses(notes) })
	background.Go(func() { p.sample(notes) })
	if once {
		background.Go(func() { p.awaitIntakes(); stopIntake() })
	} else { // a run that is to end is no news: one from cron would bury the rest
		background.Go(func() { p.noteQuietly(intake, "shiplog.started", "the agent started", nil) })
	}
	select {
	case <-intake.Done():
	case <-p.failed:
		abort()
	}
	stopIntake()
	if ctx.Err() != nil || !once {
		defer time.AfterFunc(p.shutdownTimeout(), abort).Stop()
	}
	defer context.AfterFunc(ctx, func() { time.AfterFunc(p.shutdownTimeout(), abort) })()
	p.finish(ctx, hard)
	stopNotes()
	background.Wait()
	return p.failureNow()
}

// finish stops the intakes, drains the shippers and waits for them: until ctx
// ends also for sinks that are down.
func (p *Pipeline) finish(ctx, hard context.Context) {
	p.applying.Lock() // a reload that runs ends first
	defer p.applying.Unlock()
	p.mu.Lock()
	once := p.live.once
	p.live = nil // nothing is started any more
	intakes := slices.Collect(maps.Values(p.intakes))
	shippers := slices.Collect(maps.Values(p.shippers))
	p.mu.Unlock()

	for _, in := range intakes {
		p.await(hard, in.done, "source", in.name)
	}
	if !once {
		last, cancel := context.WithTimeout(hard, time.Second)
		p.noteQuietly(last, "shiplog.stopped", "the agent stops", nil)
		cancel()
	}
	drain := func(until time.Time) {
		for _, s := range shippers {
			s.lane.drain(until)
		}
	}
	hurry := func() { drain(time.Now().Add(p.shutdownTimeout())) }
	if once && ctx.Err() == nil {
		drain(time.Time{})
		defer context.AfterFunc(ctx, hurry)()
	} else {
		hurry()
	}
	for _, s := range shippers {
		s.drain()
	}
	for _, s := range shippers {
		<-s.done
	}
}

// awaitIntakes waits until every source has ended.
func (p *Pipeline) awaitIntakes() {
	p.mu.Lock()
	intakes := slices.Collect(maps.Values(p.intakes))
	p.mu.Unlock()
	for _, in := range intakes {
		<-in.done
	}
}

func (p *Pipeline) shutdownTimeout() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.ShutdownTimeout
}

// await waits for a part to end; when everything is aborted, for a grace more.
func (p *Pipeline) await(hard context.Context, done <-chan struct{}, kind, name string) {
	select {
	case <-done:
		return
	case <-hard.Done():
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		p.deps.Log.Error("a part did not stop when told to; it is left behind", "part", kind, "name", name)
	}
}

// start builds the intakes and starts every part.
func (p *Pipeline) start(l *live) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ran {
		return errRan
	}
	p.ran = true
	for _, spec := range p.cfg.Sources {
		in, err := p.newIntake(spec, p.cfg.Processors, l.once)
		if err != nil {
			p.giveUp()
			return err
		}
		p.intakes[spec.Name] = in
	}
	p.live = l
	for _, s := range p.shippers {
		p.startShipper(s)
	}
	for _, in := range p.intakes {
		p.startIntake(in)
	}
	return nil
}

func (p *Pipeline) startIntake(in *runningIntake) {
	ctx, cancel := context.WithCancel(p.live.intake)
	in.stop = cancel
	in.meter.Lag(in.monitor.completeUntil)
	go in.run(ctx)
}

func (p *Pipeline) startShipper(s *runningShipper) {
	ctx, cancel := context.WithCancel(p.live.hard)
	drain, halt := make(chan struct{}), make(chan struct{})
	s.abort = cancel
	s.drain = sync.OnceFunc(func() { close(drain) })
	s.halt = sync.OnceFunc(func() { close(halt) })
	go func() {
		defer close(s.done)
		defer cancel()
		s.run(ctx, drain, halt)
	}()
}

// fatalIf stops everything if err says that the journal must not be written to
// any more.
func (p *Pipeline) fatalIf(err error) {
	if fatal, ok := errors.AsType[*journal.FatalError](err); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.failure == nil {
			p.failure = fatal
			close(p.failed)
		}
	}
}

func (p *Pipeline) failureNow() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure
}

// watermark tells the journal what every sink has.
func (p *Pipeline) watermark() {
	if len(p.cfgSinks()) > 0 {
		p.deps.Journal.Watermark(p.lowest())
	}
}

func (p *Pipeline) cfgSinks() []SinkSpec {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.Sinks
}

// lowest is the smallest cursor that is stored, the journal's end if there is
// no sink.
func (p *Pipeline) lowest() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	low := p.deps.Journal.Last()
	for _, s := range p.shippers {
		low = min(low, s.stored.Load())
	}
	return low
}

// noteQuietly appends an event of the agent's own; where that is not possible
// the log has to do.
func (p *Pipeline) noteQuietly(ctx context.Context, action, message string, fields map[string]any) {
	if fields == nil {
		fields = map[string]any{}
	}
	fields["version"] = p.deps.Version
	if err := p.Note(ctx, action, message, event.Info, fields); err != nil {
		p.deps.Log.Warn("an event of the agent's own could not be journalled", "action", action, "err", err)
	}
}

// sample takes rates once a second.
func (p *Pipeline) sample(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		p.mu.Lock()
		for _, in := range p.intakes {
			in.rate.sample(in.counts.events.Load())
		}
		for _, s := range p.shippers {
			s.rate.sample(s.shipped.Load())
		}
		p.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
