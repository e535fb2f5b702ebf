package pipeline

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

// feeder is a source whose lines come while it runs.
type feeder struct {
	mu   sync.Mutex
	all  []string
	runs int
}

func (f *feeder) add(lines []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, lines...)
}

func (f *feeder) open(d sources.Deps) sources.Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs++
	return &lines{once: d.Once, each: 10, at: func() []string {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Clone(f.all)
	}}
}

func TestApplyChangesOnlyWhatDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		input.add(audit(0, 100))
		kept, old, renewed, late, gone := &collector{}, &collector{}, &collector{}, &collector{}, &collector{}
		source := sourceSpec(t, "spool", "1", sources.Traits{}, input.open)
		w := newWorld(t, Config{
			Sources: []SourceSpec{source},
			Sinks: []SinkSpec{
				sinkSpec(t, "kept", "1", kept, nil), sinkSpec(t, "changed", "1", old, nil), sinkSpec(t, "gone", "1", gone, nil),
			},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		next := w.cfg
		next.Sinks = []SinkSpec{
			w.cfg.Sinks[0], sinkSpec(t, "changed", "2", renewed, nil),
			sinkSpec(t, "late", "1", late, func(c *sinks.Common) { c.Start = "latest" }),
		}
		if err := p.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		input.add(audit(100, 50))
		time.Sleep(time.Second)
		synctest.Wait()
		names := []string{}
		for _, s := range p.Status().Sinks {
			names = append(names, s.Name)
		}
		if want := []string{"changed", "kept", "late"}; !slices.Equal(names, want) {
			t.Errorf("got sinks %v, want %v", names, want)
		}
		// It comes back, and goes on where it was.
		next.Sinks = append(next.Sinks, w.cfg.Sinks[2])
		if err := p.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[*collector]int{kept: 150, old: 100, renewed: 50, late: 50, gone: 150} {
			if got, twice := name.counts(150); got != want || twice != 0 {
				t.Errorf("got %d events, %d twice, want %d", got, twice, want)
			}
		}
		if got := kept.find(`"config":{"added":["sink late"],"changed":["sink changed"],"removed":["sink gone"]}`); len(got) != 1 {
			t.Errorf("got %q, want an event that says what the reload changed", kept.find("shiplog.config"))
		}
		if input.runs != 1 {
			t.Errorf("the source was opened %d times, want once", input.runs)
		}
		w.close()
	})
}

func TestApplyRestartsAChangedSourceAtItsPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		input.add(audit(0, 100))
		sink := &collector{}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, input.open)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, nil)},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		next := w.cfg
		next.Sources = []SourceSpec{sourceSpec(t, "spool", "2", sources.Traits{}, input.open)}
		if err := p.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		input.add(audit(100, 100))
		time.Sleep(time.Second)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got, twice := sink.counts(200); got != 200 || twice != 0 || input.runs != 2 {
			t.Errorf("got %d events, %d twice, from %d sources, want 200 once from 2", got, twice, input.runs)
		}
		w.close()
	})
}

// A config that cannot be built changes nothing.
func TestApplyRefusesWhatCannotBeBuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		sink := &collector{}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, input.open)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, nil)},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		next := w.cfg
		next.Sources = nil
		next.Sinks = []SinkSpec{w.cfg.Sinks[0], sinkSpec(t, "bad", "1", &collector{}, func(c *sinks.Common) { c.Where = "no such field ==" })}
		if err := p.Apply(t.Context(), next); err == nil || !strings.Contains(err.Error(), "sink bad") {
			t.Errorf("got %v, want an error that names the sink", err)
		}
		input.add(audit(0, 20))
		time.Sleep(time.Second)
		synctest.Wait()
		if got, _ := sink.counts(20); got != 20 {
			t.Errorf("got %d events after the refusal, want 20: the old config goes on", got)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(t.Context(), w.cfg); !errors.Is(err, ErrNotRunning) {
			t.Errorf("got %v after the end, want ErrNotRunning", err)
		}
		w.close()
	})
}

// What a refused config would have added or changed shows in no figure: the
// series are those of the parts that run.
func TestApplyThatIsRefusedLeavesNoFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := func(d sources.Deps) sources.Source { return (&feeder{}).open(d) }
		told := func(d sources.Deps) sources.Source {
			d.Monitor.Complete(time.Now())
			return open(d)
		}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, told)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", &collector{}, nil)},
		})
		registry := prometheus.NewRegistry()
		w.metrics = metrics.New(registry)
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		synctest.Wait()
		series := func() []string { return slices.Sorted(maps.Keys(gathered(t, registry))) }
		before := series()
		if !slices.Contains(before, "shiplog_source_lag_seconds/spool") {
			t.Fatalf("got %q, want the source's lag", before)
		}
		bad := sourceSpec(t, "bad", "1", sources.Traits{}, open)
		bad.Spec.Decoder = "no such decoder"
		closed := &closing{}
		next := w.cfg
		next.Sources = []SourceSpec{sourceSpec(t, "spool", "2", sources.Traits{}, open), bad}
		next.Sinks = []SinkSpec{w.cfg.Sinks[0], sinkSpec(t, "new", "1", closed, nil)}
		if err := p.Apply(t.Context(), next); err == nil || !strings.Contains(err.Error(), "bad") {
			t.Errorf("got %v, want an error that names the source", err)
		}
		if after := series(); !slices.Equal(after, before) {
			t.Errorf("got the series %q, want %q", after, before)
		}
		if closed.times != 1 {
			t.Errorf("the new sink was closed %d times, want once", closed.times)
		}
		// A sink whose cursor cannot be opened is closed, too.
		if err := os.Mkdir(filepath.Join(w.dir, "cursors", "unplaced"), 0o700); err != nil {
			t.Fatal(err)
		}
		next = w.cfg
		next.Sinks = append(next.Sinks[:1:1], sinkSpec(t, "unplaced", "1", closed, nil))
		if err := p.Apply(t.Context(), next); err == nil || !strings.Contains(err.Error(), "sink unplaced") {
			t.Errorf("got %v, want an error that names the sink", err)
		}
		if after := series(); !slices.Equal(after, before) || closed.times != 2 {
			t.Errorf("got the series %q and %d closed, want %q and 2", after, closed.times, before)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}

// closing is a sink that counts how often it is closed.
type closing struct {
	collector
	times int
}

func (c *closing) Close(context.Context) error {
	c.times++
	return nil
}

// A reload takes a bounded time although a sink is down or stalled.
func TestApplyDoesNotWaitForADeadSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		input.add(audit(0, 20))
		good := &collector{}
		stalled := &fakeSink{answer: func(ctx context.Context, _ sinks.Batch) (sinks.Report, error) {
			<-ctx.Done()
			return sinks.Report{}, ctx.Err()
		}}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, input.open)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", stalled, nil)},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		next := w.cfg
		next.Sinks = []SinkSpec{sinkSpec(t, "sink", "2", good, nil)}
		at := time.Now()
		if err := p.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(at); took > leaveTimeout+time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, _ := good.counts(20); got != 20 {
			t.Errorf("got %d events at the new sink, want 20", got)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}

// When the journal must not be written to any more, the agent stops at once.
func TestRunStopsWhenTheJournalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Sinks: []SinkSpec{sinkSpec(t, "sink", "1", &collector{}, nil)}})
		p := w.open()
		ended := make(chan error, 1)
		go func() { ended <- p.Run(context.Background()) }()
		synctest.Wait()
		p.fatalIf(&journal.FatalError{Op: "sync", Err: errors.New("input/output error")})
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "input/output error") {
			t.Errorf("got %v, want the journal's failure", err)
		}
		w.close()
	})
}

func TestReplayBesideTheLiveCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		input.add(audit(0, 100))
		sink := &collector{}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, input.open)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, func(c *sinks.Common) { c.Batch.MaxEvents = 7 })},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		req := ReplayRequest{Sink: "sink", FromSeq: 11, ToSeq: 60, Where: `event.action == "prefect-cloud.user.logged-in"`, Rate: 10}
		dry := req
		dry.DryRun = true
		counted, err := p.Replay(t.Context(), dry, nil)
		if err != nil || counted.Delivered != 0 {
			t.Fatalf("dry run: got %+v, %v", counted, err)
		}

		// It is interrupted, and goes on.
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := p.Replay(ctx, req, func(s ReplayProgress) {
			if s.Delivered >= 20 {
				cancel()
			}
		}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want canceled", err)
		}
		if open, err := p.Replays(); err != nil || len(open) != 1 || open[0].Delivered < 20 {
			t.Errorf("got interrupted replays %+v, %v", open, err)
		}
		at := time.Now()
		done, err := p.Replay(t.Context(), req, nil)
		if err != nil || !done.Done || !done.Resumed || done.Matched != counted.Matched {
			t.Errorf("got %+v, %v, want %d matched", done, err, counted.Matched)
		}
		if took := time.Since(at); took < time.Second {
			t.Errorf("it took %v, want the rate to be kept", took)
		}
		replayed := sink.find(`"replayed":true`)
		if len(replayed) != int(counted.Matched) {
			t.Errorf("got %d replayed events, want %d", len(replayed), counted.Matched)
		}
		if open, err := p.Replays(); err != nil || len(open) != 0 {
			t.Errorf("got interrupted replays %+v, %v, want none", open, err)
		}
		if s := p.Status().Sinks[0]; s.Delivered != s.Cursor {
			t.Errorf("got %+v: a replay must not count as progress", s)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}

// A replay of rare events does not wait for a full batch, nor begin again where
// nothing has matched yet.
func TestReplayNotesHowFarItHasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		input.add(audit(0, 100))
		sink := &collector{}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, input.open)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, nil)},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		r, err := p.newReplay(ReplayRequest{Sink: "sink", Where: `event.sequence <= 12`})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(noteEvery)
		var told []ReplayProgress
		r.tell = func(s ReplayProgress) { told = append(told, s) }
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(told) < 2 || told[0].Next <= 1 || told[0].Next > 30 || told[0].Delivered == 0 || told[0].Delivered != told[0].Matched {
			t.Errorf("got progress %+v, want what the first frames had to be delivered, and noted", told)
		}
		if last := told[len(told)-1]; last.Delivered != 12 {
			t.Errorf("got %+v, want 12 delivered", last)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}

func TestReplayGoesOnOverAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		input.add(audit(0, 100))
		var down atomic.Bool
		old, renewed := &collector{}, &collector{}
		old.fail = func() error {
			if down.Load() {
				return errors.New("down")
			}
			return nil
		}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, input.open)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", old, nil)},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		down.Store(true)
		ended := make(chan error, 1)
		go func() {
			_, err := p.Replay(context.Background(), ReplayRequest{Sink: "sink", ToSeq: 50}, nil)
			ended <- err
		}()
		time.Sleep(time.Minute)
		next := w.cfg
		next.Sinks = []SinkSpec{sinkSpec(t, "sink", "2", renewed, nil)}
		if err := p.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if got := len(renewed.find(`"replayed":true`)); got != 50 {
			t.Errorf("got %d replayed events at the new sink, want 50", got)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}

func TestRetryLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := &feeder{}
		input.add(append(audit(0, 10), "not json"))
		var broken atomic.Bool
		broken.Store(true)
		sink := &fakeSink{answer: func(_ context.Context, b sinks.Batch) (sinks.Report, error) {
			var report sinks.Report
			for i, item := range b.Items {
				if broken.Load() && strings.HasSuffix(item.Event.ID, "5-0000-0000-0000-000000000000") {
					report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Refused, Err: refused("mapping")})
				}
			}
			return report, nil
		}}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, input.open)},
			Sinks:   []SinkSpec{sinkSpec(t, "sink", "1", sink, nil)},
		})
		p := w.open()
		stop := run(p)
		time.Sleep(time.Second)
		for _, step := range []struct {
			broken bool
			owner  string
			want   RetryResult
			left   int
		}{
			{true, "sink", RetryResult{Refused: 1, LastError: "mapping conflict"}, 1},
			{false, "sink", RetryResult{Delivered: 1}, 0},
			{false, "sink", RetryResult{}, 0},
		} {
			broken.Store(step.broken)
			got, err := p.RetryLetters(t.Context(), step.owner, nil)
			if err != nil || got != step.want {
				t.Errorf("got %+v, %v, want %+v", got, err, step.want)
			}
			if counts, err := w.deps.Letters.Count(); err != nil || counts[step.owner] != step.left {
				t.Errorf("got %v, %v, want %d left", counts, err, step.left)
			}
		}
		if got, err := p.RetryLetters(t.Context(), "spool", nil); err != nil || got.Refused != 1 {
			t.Errorf("got %+v, %v, want the record refused again", got, err)
		}
		_, err := p.RetryLetters(t.Context(), "spool", func(deadletter.Letter) bool {
			if _, err := p.DropLetters(t.Context(), "spool", "meanwhile", nil); !errors.Is(err, ErrDeciding) {
				t.Errorf("dropped while retried: got %v", err)
			}
			return false
		})
		if !errors.Is(err, deadletter.ErrNotFound) {
			t.Errorf("choosing none: got %v", err)
		}
		if _, err := p.DropLetters(t.Context(), "spool", "", nil); err == nil {
			t.Error("got nil, want an error: dropping needs a reason")
		}
		if n, err := p.DropLetters(t.Context(), "spool", "test data", nil); err != nil || n != 1 {
			t.Errorf("got %d, %v, want 1 dropped", n, err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}
