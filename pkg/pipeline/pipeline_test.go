package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

// lines is a source over lines in memory. Its position is the next line.
type lines struct {
	once bool
	at   func() []string // the lines that there are by now
	each int             // lines in one emit
	fail error           // returned once, after the first emit
}

func (l *lines) Run(ctx context.Context, from event.Position, emit sources.Emit) error {
	next := 0
	if b := from["line"]; b != nil {
		next, _ = strconv.Atoi(string(b))
	}
	for {
		all := l.at()
		for next < len(all) {
			end := min(next+l.each, len(all))
			var records []event.Record
			for i, text := range all[next:end] {
				records = append(records, event.Record{Raw: []byte(text), Origin: event.Origin{Name: "lines", Offset: int64(next + i)}})
			}
			if err := emit(ctx, records, event.Position{"line": []byte(strconv.Itoa(end))}); err != nil {
				return err
			}
			next = end
			if err := l.fail; err != nil {
				l.fail = nil
				return err
			}
		}
		if l.once {
			return nil
		}
		t := time.NewTimer(10 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

type fakeSourceConfig struct {
	sources.Common `yaml:",inline"`
}

func (*fakeSourceConfig) Validate() error { return nil }

// sourceSpec is the spec of a source that open makes.
func sourceSpec(t testing.TB, name, print string, traits sources.Traits, open func(sources.Deps) sources.Source) SourceSpec {
	t.Helper()
	f := sources.Define("fake",
		func() fakeSourceConfig { return fakeSourceConfig{sources.Common{Type: "fake", Decoder: "prefect"}} },
		func(fakeSourceConfig) sources.Traits { return traits },
		func(_ fakeSourceConfig, d sources.Deps) (sources.Source, error) { return open(d), nil })
	spec, err := f.Decode(config.Section{})
	if err != nil {
		t.Fatal(err)
	}
	return SourceSpec{Name: name, Spec: spec, Fingerprint: print}
}

type fakeSinkConfig struct {
	sinks.Common `yaml:",inline"`
}

func (*fakeSinkConfig) Validate() error { return nil }

// sinkSpec is the spec of a sink.
func sinkSpec(t testing.TB, name, print string, sink sinks.Sink, change func(*sinks.Common)) SinkSpec {
	t.Helper()
	f := sinks.Define("fake",
		func() fakeSinkConfig {
			c := fakeSinkConfig{sinks.Defaults("ecs")}
			c.Batch.Linger = 0
			if change != nil {
				change(&c.Common)
			}
			return c
		},
		func(fakeSinkConfig, sinks.Deps) (sinks.Sink, error) { return sink, nil })
	spec, err := f.Decode(config.Section{})
	if err != nil {
		t.Fatal(err)
	}
	return SinkSpec{Name: name, Spec: spec, Fingerprint: print}
}

// world is a data directory with what runs in it.
type world struct {
	t      *testing.T
	dir    string
	cfg    Config
	losses *Losses
	deps   Deps
	logs   *lockedLog

	metrics *metrics.Set // nil: one that nobody reads
}

type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	if cfg.ShutdownTimeout == 0 {
		cfg.ShutdownTimeout = 5 * time.Second
	}
	return &world{t: t, dir: t.TempDir(), cfg: cfg, logs: &lockedLog{}}
}

// open opens the data directory.
func (w *world) open() *Pipeline {
	w.t.Helper()
	log := slog.New(slog.NewTextHandler(w.logs, nil))
	w.losses = NewLosses()
	j, err := journal.Open(w.dir, journal.Config{SegmentSize: 1 << 20, Compression: "none"},
		journal.Deps{Log: log, Metrics: noMetrics{}, Lost: w.losses.Add})
	if err != nil {
		w.t.Fatal(err)
	}
	letters, err := deadletter.Open(filepath.Join(w.dir, "deadletters"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.deps = Deps{Journal: j, Letters: letters, Log: log, Losses: w.losses, DataDir: w.dir, Agent: "agent", Version: "test", Metrics: w.metrics}
	p, err := New(w.cfg, w.deps)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) close() {
	w.t.Helper()
	if err := w.deps.Journal.Close(); err != nil {
		w.t.Error(err)
	}
}

type noMetrics struct{}

func (noMetrics) Appended(int, int, time.Duration) {}
func (noMetrics) Synced(time.Duration)             {}
func (noMetrics) Full(bool)                        {}
func (noMetrics) Damaged(int)                      {}

// run runs p beside the test and returns what stops it and waits.
func run(p *Pipeline) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// audit is n records, from number from.
func audit(from, n int) []string {
	var all []string
	for i := from; i < from+n; i++ {
		all = append(all, fmt.Sprintf(`{"id":"%08d-0000-0000-0000-000000000000","occurred":"2026-11-01T10:00:00.%06dZ","event":"prefect-cloud.user.logged-in",`+
			`"resource":{"prefect.resource.id":"prefect-cloud.user.%d"},"related":[],"payload":{}}`, i, i, i))
	}
	return all
}

// collector is a sink that remembers the ids of what it accepted.
type collector struct {
	fail func() error

	mu   sync.Mutex
	ids  map[string]int
	docs []string
}

func (c *collector) Deliver(_ context.Context, b sinks.Batch) (sinks.Report, error) {
	if c.fail != nil {
		if err := c.fail(); err != nil {
			return sinks.Report{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil {
		c.ids = map[string]int{}
	}
	for _, item := range b.Items {
		c.ids[strings.Clone(item.Event.ID)]++
		c.docs = append(c.docs, string(item.Body))
	}
	return sinks.Report{}, nil
}

func (c *collector) Close(context.Context) error { return nil }

// counts returns how many of the audit records from 0 to n arrived, and how many
// came more than once.
func (c *collector) counts(n int) (arrived, twice int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range n {
		switch c.ids[fmt.Sprintf("%08d-0000-0000-0000-000000000000", i)] {
		case 0:
		case 1:
			arrived++
		default:
			arrived++
			twice++
		}
	}
	return arrived, twice
}

func (c *collector) find(text string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for _, d := range c.docs {
		if strings.Contains(d, text) {
			found = append(found, d)
		}
	}
	return found
}

func onceLines(all []string, each int) func(sources.Deps) sources.Source {
	return func(d sources.Deps) sources.Source {
		return &lines{once: d.Once, at: func() []string { return all }, each: each}
	}
}

func TestRunOnceDeliversEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, down := &collector{}, &collector{fail: func() error { return errors.New("connection refused") }}
		input := append(audit(0, 500), "not json", `{"half":"pnu_ABCDEF1234567890`)
		cfg := Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(input, 100))},
			Sinks:   []SinkSpec{sinkSpec(t, "good", "1", good, nil)},
		}
		w := newWorld(t, cfg)
		p := w.open()
		var last Progress
		if err := p.RunOnce(t.Context(), 0, func(now Progress) { last = now }); err != nil {
			t.Fatal(err)
		}
		if got, twice := good.counts(500); got != 500 || twice != 0 {
			t.Errorf("got %d events, %d twice, want 500 once", got, twice)
		}
		if last.Read != 500 || last.Backlog != 0 || len(last.Reading) != 0 || !last.Ended {
			t.Errorf("got progress %+v, want 500 read and nothing left", last)
		}
		if counts, err := w.deps.Letters.Count(); err != nil || counts["spool"] != 2 {
			t.Errorf("got dead letters %v, %v, want 2 of spool", counts, err)
		}
		if err := w.deps.Letters.List("spool", func(l deadletter.Letter) error {
			if strings.Contains(string(l.Body), "ABCDEF1234567890") {
				t.Errorf("an API key is in a dead letter: %s", l.Body)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		s := p.Status()
		if s.Sources[0].State != "done" || s.Sources[0].Invalid != 2 || s.Sinks[0].Backlog != 0 {
			t.Errorf("got status %+v", s)
		}
		if len(good.find(`shiplog.started`)) != 0 || len(good.find("shiplog.stopped")) != 0 {
			t.Error("a run that was to end told of its start and stop")
		}
		w.close()

		// What was read is not read again; a new sink that is down is named.
		w.cfg.Sinks = append(w.cfg.Sinks, sinkSpec(t, "down", "1", down, func(c *sinks.Common) {
			c.Retry = sinks.Retry{Initial: config.Duration(time.Millisecond), Max: config.Duration(10 * time.Millisecond)}
		}))
		p = w.open()
		err := p.RunOnce(t.Context(), 300*time.Millisecond, nil)
		if err == nil || !strings.Contains(err.Error(), "sink down: 5") || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "good") {
			t.Errorf("got %v, want an error that names the sink that is down, only", err)
		}
		if _, twice := good.counts(500); twice != 0 {
			t.Errorf("got %d events twice", twice)
		}
		w.close()
	})
}

// A sink whose cursor cannot be read gets again all that is kept, also where a
// new one would begin at the latest: what it lacks is not known.
func TestDamagedCursorLosesNothing(t *testing.T) {
	sink := &collector{}
	w := newWorld(t, Config{
		Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(audit(0, 5), 5))},
		Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, func(c *sinks.Common) { c.Start = "latest" })},
	})
	for round := range 2 {
		p := w.open()
		if err := p.RunOnce(t.Context(), 0, nil); err != nil {
			t.Fatal(err)
		}
		w.close()
		if arrived, twice := sink.counts(5); arrived != 5 || twice != 5*round {
			t.Errorf("round %d: got %d events, %d twice", round, arrived, twice)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "cursors", "sink"), []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(w.logs.String(), "cursor cannot be read") {
		t.Errorf("got logs %s, want word of the cursor", w.logs)
	}
}

// A run that is to end waits for a sink that is down, until it is told to stop.
func TestRunOnceStopsBesideASinkThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := &collector{fail: func() error { return errors.New("connection refused") }}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(audit(0, 5), 5))},
			Sinks:   []SinkSpec{sinkSpec(t, "down", "1", down, nil)},
		})
		p := w.open()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		began := time.Now()
		if err := p.RunOnce(ctx, 0, nil); err == nil || !strings.Contains(err.Error(), "sink down: 5") {
			t.Errorf("got %v, want an error that names the sink", err)
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("it ended after %v, want a minute", took)
		}
		w.close()
	})
}

func TestRunRestartsASourceThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &collector{}
		source := &lines{at: func() []string { return audit(0, 30) }, each: 10, fail: errors.New("it broke")}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, func(sources.Deps) sources.Source { return source })},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, nil)},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		s := p.Status()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got, twice := sink.counts(30); got != 30 || twice != 0 {
			t.Errorf("got %d events, %d twice, want 30 once", got, twice)
		}
		if s.Sources[0].Errors != 1 || !strings.Contains(s.Sources[0].LastError.Error, "it broke") || s.Sources[0].State != "running" {
			t.Errorf("got status %+v", s.Sources[0])
		}
		w.close()
	})
}

// Whenever it is asked for, a status adds up: what the journal has is settled or
// waits.
func TestStatusAddsUpAtAnyMoment(t *testing.T) {
	const events = 3000
	w := newWorld(t, Config{
		Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(audit(0, events), 10))},
		Sinks: []SinkSpec{
			sinkSpec(t, "one", "1", &collector{}, func(c *sinks.Common) { c.Batch.MaxEvents = 7 }),
			sinkSpec(t, "other", "1", &collector{}, func(c *sinks.Common) { c.Batch.MaxEvents = 100 }),
		},
	})
	p := w.open()
	stop := run(p)
	for done := false; !done; {
		s := p.Status()
		done = s.Journal.Last >= events
		for _, sink := range s.Sinks {
			sum := sink.Base + sink.Delivered + sink.Duplicate + sink.Filtered + sink.DeadLetter + sink.Lost + sink.Backlog
			if sum != s.Journal.Last {
				t.Fatalf("sink %s: settled and backlog are %d of %d: %+v", sink.Name, sum, s.Journal.Last, sink)
			}
			done = done && sink.Backlog == 0
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.close()
}

// One sink that is down, stalls or panics changes nothing for another.
func TestRunKeepsSinksApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := &collector{}
		stalled := &fakeSink{answer: func(ctx context.Context, _ sinks.Batch) (sinks.Report, error) {
			<-ctx.Done()
			return sinks.Report{}, ctx.Err()
		}}
		broken := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) { panic("a bug") }}
		down := &collector{fail: func() error { return errors.New("connection refused") }}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(audit(0, 1000), 100))},
			Sinks: []SinkSpec{
				sinkSpec(t, "good", "1", good, nil), sinkSpec(t, "stalled", "1", stalled, nil),
				sinkSpec(t, "broken", "1", broken, nil), sinkSpec(t, "down", "1", down, nil),
			},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, _ := good.counts(1000); got != 1000 {
			t.Errorf("got %d events at the good sink, want 1000", got)
		}
		time.Sleep(time.Minute)
		for _, s := range p.Status().Sinks {
			switch {
			case s.Name == "good" && (s.Backlog != 0 || s.Lag != 0 || !s.Up):
				t.Errorf("got %+v, want no backlog", s)
			case s.Name != "good" && (s.Backlog < 1000 || s.Lag < 60 || s.Up || s.LastError == nil):
				t.Errorf("got %+v, want a backlog, a lag and an error", s)
			case s.Name != "good" && (s.Delivered != 0 || s.DeadLetter != 0):
				t.Errorf("got %+v, want nothing settled", s)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}

// The process is abandoned at random moments; what it left on disk is opened
// again. Nothing is lost, nothing is journalled twice.
func TestKillAtRandomMoments(t *testing.T) {
	const events = 3000
	sink := &collector{}
	input := audit(0, events)
	kills := 0
	w := newWorld(t, Config{
		Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(input, 50))},
		Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, func(c *sinks.Common) { c.Batch.MaxEvents = 37 })},
	})
	for {
		p := w.open()
		ctx, cancel := context.WithCancel(context.Background())
		after := kills*97 + 20
		var once sync.Once
		copied := make(chan string, 1)
		sink.fail = func() error {
			if got, _ := sink.counts(events); got >= after && kills < 12 {
				once.Do(func() {
					copied <- w.crash()
					cancel()
				})
			}
			return nil
		}
		err := p.RunOnce(ctx, 0, nil)
		cancel()
		w.close()
		select {
		case w.dir = <-copied:
			kills++
			continue
		default:
		}
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if got, twice := sink.counts(events); got != events || twice > kills*events/4 {
		t.Errorf("got %d events after %d kills, %d of them twice, want all", got, kills, twice)
	}
	ids := map[string]int{}
	p := w.open()
	r := w.deps.Journal.Read(1)
	for {
		f, ok, err := r.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		for _, e := range f.Events {
			ids[e.ID]++
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("event %s is in the journal %d times", id, n)
		}
	}
	p.giveUp()
	w.close()
}

// crash copies what is on disk now: cursors first, as a later journal is the
// harder case. Files that come meanwhile are not in the copy, as if the power had
// gone before.
func (w *world) crash() string {
	to := w.t.TempDir()
	for _, part := range []string{"cursors", "deadletters", "journal"} {
		entries, err := os.ReadDir(filepath.Join(w.dir, part))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := errors.Join(err, os.MkdirAll(filepath.Join(to, part), 0o700)); err != nil {
			w.t.Error(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(w.dir, part, e.Name()))
			if errors.Is(err, os.ErrNotExist) {
				continue // a temporary file that has its name now
			}
			if err := errors.Join(err, os.WriteFile(filepath.Join(to, part, e.Name()), data, 0o600)); err != nil {
				w.t.Error(err)
			}
		}
	}
	return to
}

func TestWindowRecognisesWhatComesAgain(t *testing.T) {
	first := audit(0, 10)
	for i := range first { // within the window by our clock
		first[i] = strings.Replace(first[i], "2026-11-01T10:00:00", time.Now().UTC().Format("2006-01-02T15:04:05"), 1)
	}
	spaced := strings.Replace(first[3], `"payload":{}`, `"payload": {}, "received":"2026-11-01T10:00:01Z"`, 1)
	other := strings.Replace(first[4], `"payload":{}`, `"payload":{"action":"deleted"}`, 1)
	again := slices.Concat(first, []string{spaced, other, other, first[0]})
	sink := &collector{}
	traits := sources.Traits{Window: time.Hour}
	w := newWorld(t, Config{
		Sources: []SourceSpec{sourceSpec(t, "cloud", "1", traits, onceLines(again, 5))},
		Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, nil)},
	})
	p := w.open()
	if err := p.RunOnce(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	s := p.Status().Sources[0]
	if s.Events != 11 || s.Duplicate != 3 || s.Conflicts != 1 {
		t.Errorf("got %d events, %d duplicates, %d conflicts, want 11, 3 and 1", s.Events, s.Duplicate, s.Conflicts)
	}
	w.close()

	// After a restart the same comes once more, all of it.
	w.cfg.Sources[0] = sourceSpec(t, "cloud", "1", traits, func(d sources.Deps) sources.Source {
		return &lines{once: true, at: func() []string { return slices.Concat(again, again) }, each: 5}
	})
	p = w.open()
	if err := p.RunOnce(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	s = p.Status().Sources[0]
	if s.Events != 0 || s.Duplicate != uint64(len(again)) {
		t.Errorf("after a restart: got %d events, %d duplicates, want 0 and %d", s.Events, s.Duplicate, len(again))
	}
	w.close()
}

func TestLossesAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &collector{}
		w := newWorld(t, Config{Sinks: []SinkSpec{sinkSpec(t, "sink", "1", sink, nil)}})
		loss := journal.Loss{First: 3, Last: 7, Reason: "damage", Segment: "1.seg", Offset: 99}
		for range 2 {
			p := w.open()
			stop := run(p)
			w.losses.Add(loss)
			w.losses.Add(loss)
			w.losses.Add(journal.Loss{First: 5, Last: 6, Reason: "damage"})
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			w.close()
		}
		if got := sink.find(`shiplog.gap`); len(got) != 1 || !strings.Contains(got[0], `"count":5`) {
			t.Errorf("got gap events %v, want one of 5 events", got)
		}
	})
}
