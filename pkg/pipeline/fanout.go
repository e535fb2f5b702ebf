package pipeline

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

const (
	// chunkBytes is how much raw input is worth a worker of its own.
	chunkBytes = 32 << 10

	// keepBytes is how much memory a worker keeps between batches.
	keepBytes = 4 << 20
)

// outcome is what became of one record.
type outcome struct {
	event   event.Event
	verdict normalize.Verdict
	reason  string
	err     error
}

// fanout normalizes batches of records, a part of each batch on each processor.
// Its memory is used again for the next batch. It belongs to one goroutine.
type fanout struct {
	options  normalize.Options
	workers  []*worker
	outcomes []outcome
}

type worker struct {
	normalizer *normalize.Normalizer
	buf        []byte
}

func newFanout(o normalize.Options) (*fanout, error) {
	f := &fanout{options: o}
	for range runtime.GOMAXPROCS(0) {
		n, err := normalize.New(o)
		if err != nil {
			return nil, err
		}
		f.workers = append(f.workers, &worker{normalizer: n})
	}
	return f, nil
}

// run normalizes records; the outcomes are in their order, and valid until the
// next run.
func (f *fanout) run(records []event.Record, now time.Time) []outcome {
	if cap(f.outcomes) < len(records) {
		f.outcomes = make([]outcome, len(records))
	}
	f.outcomes = f.outcomes[:len(records)]
	size := 0
	for i := range records {
		size += len(records[i].Raw)
	}
	parts := min(len(f.workers), size/chunkBytes+1, max(1, len(records)))
	var wg sync.WaitGroup
	for i := 1; i < parts; i++ {
		from, to := i*len(records)/parts, (i+1)*len(records)/parts
		wg.Go(func() { f.workers[i].run(records[from:to], f.outcomes[from:to], now) })
	}
	f.workers[0].run(records[:len(records)/parts], f.outcomes, now)
	wg.Wait()
	return f.outcomes
}

// done lets go of what the last batch held.
func (f *fanout) done() {
	clear(f.outcomes)
	if cap(f.outcomes) > 1<<15 {
		f.outcomes = nil
	}
	for _, w := range f.workers {
		if cap(w.buf) > keepBytes {
			w.buf = nil
		}
	}
}

func (w *worker) run(records []event.Record, out []outcome, now time.Time) {
	w.buf = w.buf[:0]
	for i := range records {
		w.one(&records[i], &out[i], now)
	}
}

// one normalizes one record. A panic is a bug that this record brings out: the
// record becomes a dead letter, the source goes on.
func (w *worker) one(rec *event.Record, out *outcome, now time.Time) {
	if rec.Unreadable != "" {
		*out = outcome{verdict: normalize.Invalid, reason: rec.Unreadable, err: fmt.Errorf("the source could not read it: %s", rec.Unreadable)}
		return
	}
	defer func() {
		if r := recover(); r != nil {
			*out = outcome{verdict: normalize.Invalid, reason: "panic", err: fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	out.event, w.buf, out.verdict, out.reason, out.err = w.normalizer.Normalize(rec, now, w.buf)
}
