package pipeline

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// chunkBytes is how much raw input is worth a worker of its own.
const chunkBytes = 32 << 10

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
	workers  []*worker
	outcomes []outcome
	bufs     sync.Pool // of *[]byte: an idle source gives its memory back
}

// worker normalizes a part of each batch.
type worker struct {
	normalizer *normalize.Normalizer
	buf        []byte
	growth     float64 // bytes of documents from a byte of input, lately
}

func newFanout(o normalize.Options) (*fanout, error) {
	f := new(fanout)
	for range runtime.GOMAXPROCS(0) {
		n, err := normalize.New(o)
		if err != nil {
			return nil, err
		}
		f.workers = append(f.workers, &worker{normalizer: n, growth: 4})
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
		wg.Go(func() { f.workers[i].run(&f.bufs, records[from:to], f.outcomes[from:to], now) })
	}
	f.workers[0].run(&f.bufs, records[:len(records)/parts], f.outcomes, now)
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
		w.normalizer.Forget()
		if buf := w.buf; buf != nil {
			f.bufs.Put(&buf)
			w.buf = nil
		}
	}
}

// run normalizes records into memory that is taken at once: growing it step by
// step would copy the documents again and again.
func (w *worker) run(bufs *sync.Pool, records []event.Record, out []outcome, now time.Time) {
	size := 0
	for i := range records {
		size += len(records[i].Raw)
	}
	if buf, ok := bufs.Get().(*[]byte); ok {
		w.buf = (*buf)[:0]
	}
	if need := int(float64(size)*w.growth) + 4<<10; cap(w.buf) < need {
		w.buf = make([]byte, 0, need)
	}
	for i := range records {
		w.one(&records[i], &out[i], now)
	}
	if size > chunkBytes {
		w.growth = float64(len(w.buf)) / float64(size) * 1.1
	}
}

// unreadable says in words why a source could not read a record.
func unreadable(reason string) error {
	switch reason {
	case "too_long":
		return errors.New("the line is longer than the source's max_line")
	case "not_utf8":
		return errors.New("the line is not UTF-8, but binary or of another encoding")
	case "damaged":
		return errors.New("the file is damaged from there on")
	default:
		return fmt.Errorf("the source could not read it: %s", reason)
	}
}

// one normalizes one record. A panic is a bug that this record brings out: the
// record becomes a dead letter, the source goes on.
func (w *worker) one(rec *event.Record, out *outcome, now time.Time) {
	if rec.Unreadable != "" {
		*out = outcome{verdict: normalize.Invalid, reason: rec.Unreadable, err: unreadable(rec.Unreadable)}
		return
	}
	defer func() {
		if r := recover(); r != nil {
			*out = outcome{verdict: normalize.Invalid, reason: "panic", err: fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	out.event, w.buf, out.verdict, out.reason, out.err = w.normalizer.Normalize(rec, now, w.buf)
}
