package spool

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// A rotating log under random operations, with an agent that is stopped at
// random emits: whatever happens, each line arrives once.
func TestRandomOperationsAgainstAModel(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomOperations(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func randomOperations(t *testing.T, rnd *rand.Rand) {
	p := newPlace(t)
	p.cfg.Paths = []string{p.path("*.jsonl")}
	m := &model{place: p, rnd: rnd, live: []string{"audit.jsonl", "other.jsonl"}, clock: time.Now().Add(-time.Hour)}
	m.caughtUp = func() {
		p.store.FailAfter(-1)
		p.once()
	}
	for range 40 {
		m.operate()
		switch rnd.IntN(4) {
		case 0: // read it all
			m.log = append(m.log, "read")
			p.store.FailAfter(-1)
			p.once()
		case 1: // read a little, and be stopped by an error
			p.store.FailAfter(rnd.IntN(3))
			m.log = append(m.log, "read a little")
			_ = p.source(true).Run(t.Context(), p.store.Position(), p.store.Emit)
		}
	}
	p.store.FailAfter(-1)
	p.once()
	got := slices.Sorted(slices.Values(p.store.Lines()))
	want := slices.Sorted(slices.Values(m.lines))
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
		t.Logf("operations:\n%s", strings.Join(m.log, "\n"))
		report(t, got, want)
	}
}

// The same operations while the source runs, about a millisecond apart, with
// stops and starts in between. The model's copytruncate writes nothing between
// the copy and the truncation, since no one can read what comes there; all else
// must arrive, once.
func TestRandomOperationsWhileRunning(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := newPlace(t)
			p.cfg.Paths = []string{p.path("*.jsonl")}
			p.time.grace = time.Hour // no line is written in two parts
			p.time.watch = seed%3 != 0
			if !p.time.watch {
				p.cfg.Rescan = config.Duration(time.Millisecond)
			}
			m := &model{place: p, rnd: rand.New(rand.NewPCG(seed, 2)), live: []string{"audit.jsonl", "other.jsonl"}, clock: time.Now().Add(-time.Hour)}
			m.caughtUp = func() { p.wait(len(m.lines)) }
			stop := p.run()
			for range 60 {
				m.operate()
				if m.rnd.IntN(10) == 0 {
					stop()
					m.stopped = true
					m.operate()
					m.stopped = false
					stop = p.run()
				}
			}
			m.caughtUp()
			stop()
			p.once()
			got := slices.Sorted(slices.Values(p.store.Lines()))
			if want := slices.Sorted(slices.Values(m.lines)); !slices.Equal(got, want) {
				t.Errorf("got %d lines, want %d", len(got), len(want))
				t.Logf("operations:\n%s", strings.Join(m.log, "\n"))
				report(t, got, want)
			}
		})
	}
}

func report(t *testing.T, got, want []string) {
	t.Helper()
	have := make(map[string]int)
	for _, l := range got {
		have[l]++
	}
	shown := 0
	for _, l := range want {
		if have[l]--; have[l] < 0 {
			if shown++; shown < 5 {
				t.Errorf("lost %.60s", l)
			}
		}
	}
	for l, n := range have {
		if shown++; n > 0 && shown < 10 {
			t.Errorf("%d too many of %.60s", n, l)
		}
	}
}

type model struct {
	*place
	rnd      *rand.Rand
	live     []string // logs that are written to
	lines    []string
	log      []string
	n        int       // of rotations
	caughtUp func()    // returns once everything was read
	stopped  bool      // nobody reads
	clock    time.Time // each change has a time of its own, as it has outside of tests
}

func (m *model) operate() {
	name := m.live[m.rnd.IntN(len(m.live))]
	op := m.rnd.IntN(10)
	m.log = append(m.log, fmt.Sprintf("%d on %s", op, name))
	if _, err := os.Stat(m.path(name)); err != nil || op < 5 {
		m.more(name)
		return
	}
	m.n++
	switch op {
	case 5:
		m.rename(name, fmt.Sprintf("%s.%d", name, m.n))
	case 6:
		m.rename(name, fmt.Sprintf("%s.%d", name, m.n))
		m.pack(fmt.Sprintf("%s.%d", name, m.n))
	case 7: // copy and truncate
		m.write(fmt.Sprintf("%s.%d", name, m.n), m.read(name))
		m.touch(fmt.Sprintf("%s.%d", name, m.n))
		m.write(name, "")
		m.touch(name)
	case 8: // the oldest rotated file that is plain is compressed
		for i := range m.n {
			old := fmt.Sprintf("%s.%d", name, i)
			if _, err := os.Stat(m.path(old)); err == nil {
				m.pack(old)
				return
			}
		}
	case 9: // deleted once read, and a new one takes its place
		if !m.stopped {
			m.caughtUp()
			m.remove(name)
		}
	}
}

func (m *model) touch(name string) {
	m.clock = m.clock.Add(10 * time.Millisecond)
	if err := os.Chtimes(m.path(name), m.clock, m.clock); err != nil {
		m.t.Fatal(err)
	}
}

// more appends lines, sometimes many.
func (m *model) more(name string) {
	n := 1 + m.rnd.IntN(20)
	if m.rnd.IntN(5) == 0 {
		n = 5000
	}
	more, text := lines(fmt.Sprintf("%s-%d-%d", name, len(m.lines), time.Now().UnixNano()), n)
	m.lines = append(m.lines, more...)
	m.append(name, text)
	m.touch(name)
}
