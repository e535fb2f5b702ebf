package pipeline

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// leaveTimeout is how long a removed sink that takes events may still empty its
// backlog before its cursor is parked.
const leaveTimeout = 5 * time.Second

// ErrNotRunning is returned by what only a running pipeline can do.
var ErrNotRunning = errors.New("pipeline: not running")

// Apply replaces the config by difference. What did not change keeps running. A
// source that changed goes on at its position, a sink at its cursor. A removed
// sink that is up empties its backlog for a few seconds; its cursor stays in the
// data directory, so that it goes on from there when it comes back. An added
// sink begins where its start says. Everything new is built before anything is
// stopped: after an error the old config runs as before.
func (p *Pipeline) Apply(ctx context.Context, cfg Config) error {
	if err := cfg.check(); err != nil {
		return err
	}
	p.applying.Lock()
	defer p.applying.Unlock()
	p.mu.Lock()
	running := p.live
	p.mu.Unlock()
	if running == nil {
		return ErrNotRunning
	}
	before := p.config()
	c, err := p.plan(cfg, running.once)
	if err != nil {
		return err
	}
	p.carryOut(ctx, c)
	p.noteChange(ctx, before, c)
	return nil
}

// noteChange journals which parts a reload changed; never their settings.
func (p *Pipeline) noteChange(ctx context.Context, before Config, c change) {
	had := make(map[string]bool)
	for _, s := range before.Sources {
		had["source "+s.Name] = true
	}
	for _, s := range before.Sinks {
		had["sink "+s.Name] = true
	}
	added, changed := []string{}, []string{}
	removed := make([]string, 0, len(c.gone)+len(c.leaving))
	sort := func(part string) {
		if had[part] {
			changed = append(changed, part)
		} else {
			added = append(added, part)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.intakes)) {
		sort("source " + name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.shippers)) {
		sort("sink " + name)
	}
	for _, name := range c.gone {
		removed = append(removed, "source "+name)
	}
	for _, name := range c.leaving {
		removed = append(removed, "sink "+name)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second) // a full journal must not hold up a reload
	defer cancel()
	p.noteQuietly(ctx, "shiplog.config.applied", "a new config was applied", map[string]any{
		"config": map[string]any{"added": added, "changed": changed, "removed": removed},
	})
}

func (p *Pipeline) config() Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg
}

// change is a new config with the parts that it needs.
type change struct {
	cfg      Config
	intakes  map[string]*runningIntake  // new or changed
	shippers map[string]*runningShipper // new or changed; a changed one has no cursor yet
	leaving  []string                   // sinks that are no longer there
	gone     []string                   // sources that are no longer there
}

// plan builds the parts that a config needs beyond those that run.
func (p *Pipeline) plan(cfg Config, once bool) (c change, err error) {
	c = change{cfg: cfg, intakes: make(map[string]*runningIntake), shippers: make(map[string]*runningShipper)}
	p.mu.Lock()
	shippers, intakes := maps.Clone(p.shippers), maps.Clone(p.intakes)
	p.mu.Unlock()
	defer func() {
		if err != nil {
			p.discard(c, shippers, intakes)
		}
	}()
	keep := make(map[string]bool)
	for _, spec := range cfg.Sinks {
		keep[spec.Name] = true
		old := shippers[spec.Name]
		if old != nil && old.print == spec.Fingerprint {
			continue
		}
		build := p.newShipper
		if old != nil {
			build = p.prepare
		}
		s, err := build(spec)
		if err != nil {
			return c, err
		}
		c.shippers[spec.Name] = s
	}
	for name := range shippers {
		if !keep[name] {
			c.leaving = append(c.leaving, name)
		}
	}
	clear(keep)
	for _, spec := range cfg.Sources {
		keep[spec.Name] = true
		if old := intakes[spec.Name]; old != nil && old.print == spec.Fingerprint {
			continue
		}
		in, err := p.newIntake(spec, cfg.Processors, once)
		if err != nil {
			return c, err
		}
		c.intakes[spec.Name] = in
	}
	for name := range intakes {
		if !keep[name] {
			c.gone = append(c.gone, name)
		}
	}
	return c, nil
}

// discard closes what was built for nothing, and takes back the figures of parts
// that there are not.
func (p *Pipeline) discard(c change, shippers map[string]*runningShipper, intakes map[string]*runningIntake) {
	for _, s := range c.shippers {
		if s.file != nil {
			_ = s.file.Close()
		}
		_ = s.lane.sink.Close(context.Background())
	}
	for _, spec := range c.cfg.Sinks {
		if shippers[spec.Name] == nil {
			p.deps.Metrics.RemoveSink(spec.Name)
		}
	}
	for _, spec := range c.cfg.Sources {
		if intakes[spec.Name] == nil {
			p.deps.Metrics.RemoveSource(spec.Name)
		}
	}
}

// carryOut makes the change. Nothing in it can fail.
func (p *Pipeline) carryOut(ctx context.Context, c change) {
	p.mu.Lock()
	p.cfg = c.cfg
	p.mu.Unlock()
	p.changeSources(ctx, c)
	for _, name := range slices.Sorted(maps.Keys(c.shippers)) {
		p.changeSink(ctx, c.shippers[name])
	}
	for _, name := range c.leaving {
		p.leave(ctx, name)
	}
	p.watermark()
}

// changeSources stops sources that changed or are gone, starts those that
// changed or are new, and gives all others the processors.
func (p *Pipeline) changeSources(ctx context.Context, c change) {
	for _, name := range slices.Concat(c.gone, slices.Sorted(maps.Keys(c.intakes))) {
		p.mu.Lock()
		old := p.intakes[name]
		p.mu.Unlock()
		if old == nil {
			continue
		}
		old.stop()
		limited, cancel := context.WithTimeout(ctx, leaveTimeout)
		p.await(limited, old.done, "source", name)
		cancel()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range c.gone {
		delete(p.intakes, name)
		p.deps.Metrics.RemoveSource(name)
	}
	for name, in := range c.intakes {
		p.intakes[name] = in
		p.startIntake(in)
	}
	for _, in := range p.intakes {
		in.processors.Store(c.cfg.Processors)
	}
}

// changeSink starts a sink, at the cursor of the one that it replaces, if any.
func (p *Pipeline) changeSink(ctx context.Context, s *runningShipper) {
	p.mu.Lock()
	old := p.shippers[s.name]
	p.mu.Unlock()
	if old != nil {
		old.handOver.Store(true)
		p.end(ctx, old, old.halt)
		s.takeOver(old.shipper)
		s.watch(p)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shippers[s.name] = s
	p.startShipper(s)
}

// leave stops a sink that is no longer configured. Its cursor is parked.
func (p *Pipeline) leave(ctx context.Context, name string) {
	p.mu.Lock()
	s := p.shippers[name]
	p.mu.Unlock()
	p.end(ctx, s, s.drain)
	c := s.at()
	s.log.Info("the sink is no longer configured; its cursor is kept", "cursor", c.Sequence, "last", p.deps.Journal.Last())
	p.mu.Lock()
	delete(p.shippers, name)
	p.mu.Unlock()
	p.deps.Metrics.RemoveSink(name)
}

// end stops a shipper by ask, and by force once its time is over.
func (p *Pipeline) end(ctx context.Context, s *runningShipper, ask func()) {
	s.lane.drain(time.Now().Add(leaveTimeout))
	ask()
	t := time.NewTimer(leaveTimeout)
	defer t.Stop()
	select {
	case <-s.done:
		return
	case <-t.C:
	case <-ctx.Done():
	}
	s.abort()
	<-s.done
}
