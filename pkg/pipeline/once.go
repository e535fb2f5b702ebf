package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Progress is how far a run that is to end has got.
type Progress struct {
	Elapsed time.Duration
	Read    uint64        // events that the sources have appended
	Settled uint64        // events that every sink is done with, of this run
	Backlog uint64        // events that the slowest sink still has before it
	Rate    float64       // settled events a second, lately, of the slowest sink
	Left    time.Duration // until the backlog is empty at that rate; negative: not known
	Reading []string      // sources that still read
	Down    []string      // sinks that do not take events
	Ended   bool          // the run is over: nothing more is told
}

// progressEvery is how often progress is told.
const progressEvery = 500 * time.Millisecond

// RunOnce reads what the sources have now, delivers all that is in the journal,
// and returns nil when every sink has caught up. It returns an error that names
// what was not delivered after timeout (0: none), or when ctx ends; nothing is
// lost then: it is shipped after the next start. progress, unless nil, is called
// now and then from one goroutine. Config.ShutdownTimeout holds once ctx has
// ended.
func (p *Pipeline) RunOnce(ctx context.Context, timeout time.Duration, progress func(Progress)) error {
	began := time.Now()
	stop := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		if progress != nil {
			p.tellProgress(began, stop, progress)
		}
	}()
	err := p.run(ctx, true, timeout)
	close(stop)
	<-told
	return errors.Join(err, p.undelivered())
}

func (p *Pipeline) tellProgress(began time.Time, stop <-chan struct{}, progress func(Progress)) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			progress(p.progress(began))
		case <-stop:
			last := p.progress(began)
			last.Ended = true
			progress(last)
			return
		}
	}
}

func (p *Pipeline) progress(began time.Time) Progress {
	now := Progress{Elapsed: time.Since(began), Left: -1}
	last := p.deps.Journal.Last()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.intakes)) {
		in := p.intakes[name]
		now.Read += in.counts.events.Load()
		select {
		case <-in.done:
		default:
			now.Reading = append(now.Reading, name)
		}
	}
	slowest := false
	for _, name := range slices.Sorted(maps.Keys(p.shippers)) {
		s := p.shippers[name]
		c := s.at()
		settled := s.shipped.Load()
		if backlog := last - min(c.Sequence, last); !slowest || backlog > now.Backlog {
			slowest = true
			now.Backlog, now.Rate, now.Settled = backlog, s.rate.value(), settled
		}
		if s.lane.isDown() {
			now.Down = append(now.Down, name)
		}
	}
	if now.Rate > 0 {
		now.Left = time.Duration(float64(now.Backlog) / now.Rate * float64(time.Second))
	}
	return now
}

// undelivered names what a run left behind.
func (p *Pipeline) undelivered() error {
	last := p.deps.Journal.Last()
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(p.intakes)) {
		if s := p.intakes[name].monitor.snapshot(); s.phase != "done" {
			errs = append(errs, fmt.Errorf("source %s has not read everything%s", name, because(s.lastErr)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.shippers)) {
		s := p.shippers[name]
		c := s.at()
		if c.Sequence >= last || p.deps.Losses.Cover(c.Sequence+1, last) {
			continue
		}
		state := s.lane.snapshot()
		why := ""
		if state.down {
			why = state.lastErr
		}
		errs = append(errs, fmt.Errorf("sink %s: %d events are not delivered yet%s", name, last-c.Sequence, because(why)))
	}
	return errors.Join(errs...)
}

func because(text string) string {
	if text == "" {
		return ""
	}
	first, _, _ := strings.Cut(text, "\n")
	return ": " + first
}
