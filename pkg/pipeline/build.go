package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

func (p *Pipeline) userAgent() string { return "shiplog/" + p.deps.Version }

// newIntake builds the intake of a source.
func (p *Pipeline) newIntake(spec SourceSpec, with *normalize.Processors, once bool) (*runningIntake, error) {
	log := p.deps.Log.With("source", spec.Name)
	meter := p.deps.Metrics.Source(spec.Name)
	monitor := &sourceMonitor{meter: meter, gauges: make(map[string]func(float64))}
	for _, g := range spec.Spec.Traits.Gauges {
		monitor.gauges[g.Name] = meter.Gauge(g.Name, g.Help)
	}
	source, err := spec.Spec.Open(sources.Deps{
		Name: spec.Name, Log: log, Monitor: monitor, Once: once, UserAgent: p.userAgent(),
		StateDir: filepath.Join(p.deps.DataDir, "sources", spec.Name),
	})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", spec.Name, err)
	}
	in := &intake{
		name: spec.Name, print: spec.Fingerprint, spec: spec.Spec, source: source, once: once,
		journal: p.deps.Journal, letters: p.deps.Letters, log: log,
		meter: meter, monitor: monitor, fatal: p.fatalIf,
		history: func(ctx context.Context, each func(*event.Event)) error {
			return p.history(ctx, spec, source, each)
		},
		onDisk: func(ctx context.Context, since, until time.Time, each func(*event.Event)) error {
			return p.onDisk(ctx, spec.Name, since, until, each)
		},
		done: make(chan struct{}), crowded: every{interval: logEvery},
	}
	in.processors.Store(with)
	if err := in.retool(); err != nil {
		return nil, err
	}
	return &runningIntake{intake: in}, nil
}

// readable is the journal as shippers use it.
type readable struct{ *journal.Journal }

func (r readable) Read(from uint64) frameReader { return r.Journal.Read(from) }

// newShipper builds the shipper of a sink and opens its cursor.
func (p *Pipeline) newShipper(spec SinkSpec) (*runningShipper, error) {
	s, err := p.prepare(spec)
	if err != nil {
		return nil, err
	}
	if err := p.openCursor(s); err != nil {
		_ = s.lane.sink.Close(context.Background())
		return nil, fmt.Errorf("sink %s: %w", spec.Name, err)
	}
	return s, nil
}

// prepare builds everything of a shipper but its cursor, which two shippers of
// one sink must not have at once.
func (p *Pipeline) prepare(spec SinkSpec) (*runningShipper, error) {
	log, meter := p.deps.Log.With("sink", spec.Name), p.deps.Metrics.Sink(spec.Name)
	b, err := p.newBuilder(spec, log, meter)
	if err != nil {
		return nil, fmt.Errorf("sink %s: %w", spec.Name, err)
	}
	l, err := p.newLane(spec, log, meter)
	if err != nil {
		return nil, fmt.Errorf("sink %s: %w", spec.Name, err)
	}
	window := cap(l.slots)
	s := &shipper{
		name: spec.Name, print: spec.Fingerprint, journal: readable{p.deps.Journal}, lane: l, log: log,
		losses: p.deps.Losses, linger: time.Duration(spec.Spec.Batch.Linger), window: window,
		moved: p.watermark, meter: meter, builder: b,
		frames: make(chan journal.Frame), done: make(chan *batch, window),
		storing: every{interval: storeEvery},
		phase:   phaseStarting, since: time.Now(),
	}
	return &runningShipper{shipper: s, spec: spec, done: make(chan struct{})}, nil
}

// newBuilder builds what makes a sink's batches.
func (p *Pipeline) newBuilder(spec SinkSpec, log *slog.Logger, meter *metrics.Sink) (builder, error) {
	c := spec.Spec.Common
	enc, err := encode.New(c.Format)
	if err != nil {
		return builder{}, err
	}
	if c.JSON {
		enc = encode.Quoted(enc)
	}
	var where *filter.Filter
	if c.Where != "" {
		if where, err = filter.Compile(c.Where); err != nil {
			return builder{}, err
		}
	}
	unasked := every{interval: logEvery}
	return builder{
		sink: spec.Name, by: p.by, filter: where, enc: enc,
		maxEvents: max(1, c.Batch.MaxEvents), maxBytes: max(1, int(c.Batch.MaxBytes)),
		pool: new(sync.Pool), chunks: &p.chunks,
		unfilter: func(err error) {
			meter.Unanswered()
			if unasked.ok(time.Now()) {
				log.Warn("where could not be answered for an event; it is kept", "err", err)
			}
		},
	}, nil
}

// newLane opens a sink.
func (p *Pipeline) newLane(spec SinkSpec, log *slog.Logger, meter *metrics.Sink) (*lane, error) {
	c := spec.Spec.Common
	l := &lane{
		name: spec.Name, log: log, letters: p.deps.Letters, meter: meter,
		timeout:      time.Duration(c.Timeout),
		retryInitial: time.Duration(c.Retry.Initial),
		retryMax:     time.Duration(c.Retry.Max),
		slots:        make(chan struct{}, max(1, c.Concurrency)),
		asked:        make(chan struct{}),
		closed:       make(chan struct{}),
		wake:         make(chan struct{}),
		state:        laneState{since: time.Now()},
	}
	var err error
	l.sink, err = spec.Spec.Open(sinks.Deps{
		Name: spec.Name, Log: log, Monitor: &sinkMonitor{meter: meter, lane: l},
		StateDir: filepath.Join(p.deps.DataDir, "sinks", spec.Name),
		Agent:    p.deps.Agent, Journal: p.deps.Journal.ID(), UserAgent: p.userAgent(),
	})
	return l, err
}

// openCursor finds where the shipper goes on.
func (p *Pipeline) openCursor(s *runningShipper) error {
	file, stored, ok, err := journal.OpenCursor(filepath.Join(p.deps.DataDir, "cursors"), s.name)
	if err != nil {
		return err
	}
	start := s.spec.Spec.Start
	if file.Damaged() { // latest could leave out what it does not have yet
		start = "earliest"
		s.log.Error("the sink's cursor cannot be read: all that is kept is sent to it again")
	}
	c, reset, err := place(s.journal, p.deps.Journal.ID(), start, stored, ok)
	if err == nil {
		s.setCursor(c)
		if reset {
			p.tellReset(s, stored) // before the cursor is stored: a crash between the two tells it again
		}
		if !ok || c != stored {
			err = file.Store(c)
		}
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	s.file = file
	s.watch(p)
	return nil
}

// watch shows the shipper's figures at each scrape.
func (s *runningShipper) watch(p *Pipeline) {
	s.meter.Up(true)
	s.meter.Watch(metrics.Progress{
		Oldest: s.unacked,
		BacklogEvents: func() uint64 {
			c := s.at()
			return s.journal.Last() - min(c.Sequence, s.journal.Last())
		},
		BacklogBytes: func() int64 {
			c := s.at()
			return p.deps.Journal.Backlog(c.Sequence)
		},
		Cursor: func() uint64 {
			c := s.at()
			return c.Sequence
		},
	})
}
