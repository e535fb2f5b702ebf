package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// moods is a sink that answers at random, and remembers what it accepted as a
// destination does: for good.
type moods struct {
	mu       sync.Mutex
	rand     *rand.Rand
	accepted map[uint64]uint64 // sequence → delivery number
	poison   func(sequence uint64) bool
	errs     []error
}

func (m *moods) Deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	m.mu.Lock()
	mood := m.rand.IntN(10)
	cut := m.rand.IntN(len(b.Items) + 1)
	took := time.Duration(m.rand.IntN(50)) * time.Millisecond
	m.mu.Unlock()
	t := time.NewTimer(took)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return sinks.Report{}, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := 1; i < len(b.Items); i++ {
		if b.Items[i].Event.Sequence <= b.Items[i-1].Event.Sequence {
			m.errs = append(m.errs, fmt.Errorf("event %d comes after %d", b.Items[i].Event.Sequence, b.Items[i-1].Event.Sequence))
		}
	}
	switch mood {
	case 0: // nothing arrives
		return sinks.Report{}, errors.New("connection refused")
	case 1: // it arrives, the answer is lost
		m.take(b.Items)
		return sinks.Report{}, fault.New(fault.Retry, "timeout", errors.New("no answer"))
	case 2: // part of it arrives
		m.take(b.Items[:cut])
		return sinks.Report{}, errors.New("connection reset")
	case 3:
		if len(b.Items) > 1 {
			return sinks.Report{}, fault.New(fault.TooLarge, "status_413", errors.New("too large"))
		}
	case 4:
		for _, item := range b.Items {
			if m.poison(item.Event.Sequence) {
				return sinks.Report{}, fault.New(fault.Refused, "status_400", errors.New("something in there"))
			}
		}
	case 5:
		return sinks.Report{}, fault.New(fault.Credentials, "status_401", errors.New("who are you"))
	}
	var report sinks.Report
	for i, item := range b.Items {
		seq := item.Event.Sequence
		_, had := m.accepted[seq]
		switch {
		case m.poison(seq):
			report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Refused, Err: refused("poison")})
		case had:
			m.check(item)
			report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Duplicate})
		case mood == 6 && m.rand.IntN(3) == 0:
			report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Again, Err: errors.New("busy")})
		default:
			m.accepted[seq] = item.Number
		}
	}
	return report, nil
}

func (m *moods) take(items []sinks.Item) {
	for _, item := range items {
		if !m.poison(item.Event.Sequence) {
			m.check(item)
			m.accepted[item.Event.Sequence] = item.Number
		}
	}
}

// check holds the promise that an event keeps its number, whatever happens.
func (m *moods) check(item sinks.Item) {
	if n, ok := m.accepted[item.Event.Sequence]; ok && n != item.Number {
		m.errs = append(m.errs, fmt.Errorf("event %d came as number %d and as %d", item.Event.Sequence, n, item.Number))
	}
}

func (m *moods) Close(context.Context) error { return nil }

// Whatever a sink answers, and whenever the process dies, every event ends where
// a plain model says, and the books balance at any moment.
func TestShipperAgainstAModel(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playOne(t, seed) })
		})
	}
}

func playOne(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	sink := &moods{
		rand: rand.New(rand.NewPCG(seed, 2)), accepted: map[uint64]uint64{},
		poison: func(seq uint64) bool { return seq%97 == 1 },
	}
	r := newRig(t, sink)
	r.common.Concurrency = 1 + random.IntN(3)
	r.common.Batch.MaxEvents = 1 + random.IntN(200)
	r.common.Batch.MaxBytes = 4000
	r.where = `event.action != "noise"`
	lost := map[uint64]bool{}
	s := r.start()
	for range 60 {
		switch random.IntN(6) {
		case 0:
			first := r.journal.Last() + 1
			r.journal.lose(1 + random.IntN(5))
			for seq := first; seq <= r.journal.Last(); seq++ {
				lost[seq] = true
			}
			r.journal.append(1)
		case 1: // the process dies: what is stored is what counts
			stored, ok := r.cursor.onDisk()
			s.kill()
			r.cursor.stored, r.cursor.ok = stored, ok
			s = r.start()
		default:
			r.journal.append(1 + random.IntN(100))
		}
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		r.balance(s.shipper)
	}
	time.Sleep(12 * time.Hour)
	synctest.Wait()
	s.finish()
	r.balance(s.shipper)

	c := s.at()
	var want struct{ filtered, poison, lost, delivered uint64 }
	letters := map[uint64]bool{}
	for _, l := range r.deadLetters() {
		if letters[l.Sequence] {
			t.Errorf("event %d has two dead letters", l.Sequence)
		}
		letters[l.Sequence] = true
	}
	for seq := uint64(1); seq <= r.journal.Last(); seq++ {
		_, got := sink.accepted[seq]
		switch {
		case lost[seq]:
			want.lost++
		case seq%3 == 0:
			want.filtered++
			if got {
				t.Errorf("event %d should have been filtered", seq)
			}
		case sink.poison(seq):
			want.poison++
			if !letters[seq] {
				t.Errorf("event %d should be a dead letter", seq)
			}
		default:
			want.delivered++
			if !got {
				t.Errorf("event %d did not arrive", seq)
			}
		}
	}
	if c.Sequence != r.journal.Last() || c.Filtered != want.filtered || c.DeadLetter != want.poison || c.Lost != want.lost ||
		c.Delivered+c.Duplicate != want.delivered {
		t.Errorf("got %+v, want %+v", c, want)
	}
	numbers := []uint64{}
	for _, n := range sink.accepted {
		numbers = append(numbers, n)
	}
	for _, l := range r.deadLetters() {
		numbers = append(numbers, l.Number)
	}
	slices.Sort(numbers)
	if !slices.Equal(numbers, upTo(want.delivered+want.poison)) {
		t.Errorf("the delivery numbers have holes: got %d up to %d, want %d", len(numbers), slices.Max(numbers), want.delivered+want.poison)
	}
	if err := errors.Join(sink.errs...); err != nil {
		t.Error(err)
	}
}
