package normalize

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
)

// detect marks events that a detection fires on: rule.* of the gravest one, a tag
// for each, and the severity raised. The event itself stays one event, so that
// nothing is counted twice and its place in the journal proves it.
//
// What has a memory begins with none when the agent starts or the processors
// change, and learns for a while before it fires. Times are those of the events,
// so that a backlog is judged as if it had been read at its time. An event that is
// read again is judged as it was the first time.
type detect struct {
	rules []*rule
	learn time.Duration
	seed  maphash.Seed

	mu      sync.Mutex    // guards what follows, and the rules' memories
	newest  time.Time     // of the events that were seen
	learned time.Duration // how far newest has come
}

// The tags of an event that a detection fired on.
const (
	detectionTag    = "shiplog.detection"
	detectionPrefix = detectionTag + "."
)

type detectConfig struct {
	Enable  []string        `yaml:"enable" doc:"The only detections that run. Empty: all."`
	Disable []string        `yaml:"disable" doc:"Detections that do not run."`
	Learn   config.Duration `yaml:"learn" doc:"For how long, by the events' times, what is new is learnt and not told."`
}

func detectDefaults() *detectConfig { return &detectConfig{Learn: config.Duration(24 * time.Hour)} }

func compileDetect(s config.Section) (processor, error) {
	c := detectDefaults()
	if err := s.Decode(c); err != nil {
		return nil, err
	}
	all := Detections()
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	var errs []error
	known := func(path string, names []string) {
		for _, name := range names {
			if !slices.Contains(ids, name) {
				e := s.Problem(path, "there is no detection %q", name)
				e.Near = config.Nearest(name, ids)
				errs = append(errs, e)
			}
		}
	}
	known("enable", c.Enable)
	known("disable", c.Disable)
	if len(c.Enable) > 0 && len(c.Disable) > 0 {
		errs = append(errs, s.Problem("disable", "goes without enable: enable names the only ones that run"))
	}
	d := &detect{learn: time.Duration(c.Learn), seed: maphash.MakeSeed()}
	for i := range all {
		id := all[i].ID
		if len(c.Enable) > 0 && !slices.Contains(c.Enable, id) || slices.Contains(c.Disable, id) {
			continue
		}
		r, err := compileRule(all[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		d.rules = append(d.rules, r)
	}
	return d, config.Join(errs...)
}

func (p *detect) kind() string { return "detect" }

func (p *detect) process(d *draft) (keep bool, err error) {
	d.flush()
	p.tick(d.event.Occurred, d.now)
	var fired []*rule
	var errs []error
	for _, r := range p.rules {
		yes, err := p.fires(r, d)
		if err != nil {
			errs = append(errs, err)
		}
		if yes {
			fired = append(fired, r)
		}
	}
	if len(fired) > 0 {
		mark(d, fired)
	}
	return true, errors.Join(errs...)
}

// tick takes note of how far the events have come. One event alone, whose time may
// be wrong, does not teach much: it counts for a quarter of what is to be learnt at
// most, and for no later than now.
func (p *detect) tick(occurred, now time.Time) {
	if occurred.After(now) {
		occurred = now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !occurred.After(p.newest) {
		return
	}
	if !p.newest.IsZero() {
		p.learned += min(occurred.Sub(p.newest), p.learn/4)
	}
	p.newest = occurred
}

func (p *detect) fires(r *rule, d *draft) (bool, error) {
	if !r.concerns(d.event.Action) {
		return false, nil
	}
	if r.filter != nil {
		if yes, err := r.filter.Match(d.event); !yes || err != nil {
			return false, err
		}
	}
	id := maphash.String(p.seed, d.event.ID)
	switch {
	case r.First != nil:
		value := r.First.value(d.opened())
		if value == "" {
			return false, nil
		}
		return p.firstSeen(r, d.opened().text(r.First.By)+"\x00"+value, id), nil
	case r.Count != nil:
		key := r.Count.key(d.opened())
		if key == "" {
			return false, nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		b, _ := r.bursts.get(key)
		return b.fires(id, d.event.Occurred, r.Count), nil
	default:
		return true, nil
	}
}

// A first is the event that brought a value.
type first struct {
	id     uint64
	firing bool
}

func (p *detect) firstSeen(r *rule, key string, id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, fresh := r.seen.get(key)
	if fresh {
		f.id, f.firing = id, p.learned >= p.learn
	}
	return f.firing && f.id == id
}

// A burst is the last events of one key, each once.
type burst struct {
	last  []moment
	id    uint64    // of the event that it fired on
	fired time.Time // when that occurred
}

type moment struct {
	id uint64
	at time.Time
}

// fires takes an event in, and says whether the burst becomes one with it. It
// fires once in the time.
func (b *burst) fires(id uint64, at time.Time, limit *Burst) bool {
	if b.id == id && b.fired.Equal(at) {
		return true // the same again
	}
	if slices.ContainsFunc(b.last, func(m moment) bool { return m.id == id }) {
		return false
	}
	if len(b.last) == limit.AtLeast {
		oldest := 0
		for i := range b.last {
			if b.last[i].at.Before(b.last[oldest].at) {
				oldest = i
			}
		}
		b.last = slices.Delete(b.last, oldest, oldest+1)
	}
	b.last = append(b.last, moment{id, at})
	within := 0
	for _, m := range b.last {
		if age := at.Sub(m.at); age >= 0 && age <= limit.Within {
			within++
		}
	}
	if within < limit.AtLeast || !b.fired.IsZero() && at.Sub(b.fired) <= limit.Within {
		return false
	}
	b.id, b.fired = id, at
	return true
}

// mark writes into the event what fired.
func mark(d *draft, fired []*rule) {
	gravest := fired[0]
	for _, r := range fired {
		if r.severity > gravest.severity {
			gravest = r
		}
	}
	root := d.opened()
	root.set("rule.id", gravest.id)
	root.set("rule.name", gravest.name)
	root.set("rule.category", gravest.category)
	root.set("rule.ruleset", []byte(`"shiplog"`))
	tags := []string{detectionTag}
	for _, r := range fired {
		tags = append(tags, detectionPrefix+r.ID)
	}
	root.set("tags", withTags(root.get("tags"), tags))
	severity := max(d.event.Severity, gravest.severity)
	root.set("event.severity", strconv.AppendUint(nil, uint64(severity), 10))
	d.dirty = true
}

// withTags adds to a list of tags, which is JSON or nil.
func withTags(list []byte, tags []string) []byte {
	inner := bytes.TrimSpace(list)
	if len(inner) > 0 && inner[0] == '[' {
		inner = bytes.TrimSpace(inner[1 : len(inner)-1])
	}
	out := append([]byte{'['}, inner...)
	for _, tag := range tags {
		quoted := event.AppendQuoted(nil, tag)
		if bytes.Contains(inner, quoted) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, quoted...)
	}
	return append(out, ']')
}
