package splunkhec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

// Waits between two queries of one node. The first are short, so that a quick
// indexer is not waited for.
const (
	firstPoll = 100 * time.Millisecond
	lastPoll  = 2 * time.Second
)

// maxQuery is the most ids in one query.
const maxQuery = 1000

// errLost means that a node no longer knows what it was to acknowledge.
var errLost = errors.New("the collector has restarted, and forgotten what it was to acknowledge")

// acks keeps the ids of one channel until they are acknowledged. There is no
// goroutine: of those who wait, the one who has the turn asks for all.
type acks struct {
	ask   func(ctx context.Context, ids []int64) (map[string]bool, error)
	first time.Duration // the first wait
	turn  chan struct{} // holds one token while nobody asks

	mu      sync.Mutex // guards what follows
	pending map[int64]chan error
	highest int64
	life    int           // of the collector: counts the times that it began again
	poll    time.Duration // the wait before the next query
}

func newAcks(ask func(context.Context, []int64) (map[string]bool, error)) *acks {
	a := &acks{ask: ask, first: firstPoll, turn: make(chan struct{}, 1), pending: make(map[int64]chan error), highest: -1}
	a.turn <- struct{}{}
	return a
}

// mark is how far a collector had counted when a request was sent.
type mark struct {
	highest int64 // id; -1: none
	life    int
}

// seen is how far the collector has counted.
func (a *acks) seen() mark {
	a.mu.Lock()
	defer a.mu.Unlock()
	return mark{a.highest, a.life}
}

// expect notes an id that a request was answered with. before is what seen said
// when it was sent: a collector counts up from 0, so an id that is not above
// it, or one that is still waited for, means that it has begun again, and that
// all before are lost. Where that was noticed since, by the answer to another
// request, before says nothing any more.
func (a *acks) expect(id int64, before mark) <-chan error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, twice := a.pending[id]; twice || before.life == a.life && id <= before.highest {
		a.drop()
	}
	a.highest = max(a.highest, id)
	if len(a.pending) == 0 {
		a.poll = a.first
	}
	done := make(chan error, 1)
	a.pending[id] = done
	return done
}

// settle tells whoever waits for an id; mu is held.
func (a *acks) settle(id int64, err error) {
	if done, ok := a.pending[id]; ok {
		done <- err
		delete(a.pending, id)
	}
}

// wait returns nil when id is acknowledged.
func (a *acks) wait(ctx context.Context, id int64, done <-chan error) error {
	defer a.forget(id, done)
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-a.turn:
			err := a.lead(ctx, done)
			a.turn <- struct{}{}
			if err != nil {
				return err
			}
		}
	}
}

// lead asks once for all, unless what it waits for has come by itself.
func (a *acks) lead(ctx context.Context, done <-chan error) error {
	timer := time.NewTimer(a.pause())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil // wait sees it
	case <-timer.C:
	}
	if len(done) > 0 {
		return nil
	}
	for ids := range slices.Chunk(a.ids(), maxQuery) {
		found, err := a.ask(ctx, ids)
		if err != nil {
			// Those that were true are forgotten by now: they run into their
			// timeout, and are sent again. Only what concerns everybody, such
			// as a token that is no longer valid, ends the wait.
			switch k := fault.KindOf(err); {
			case k == fault.Credentials || k == fault.Setup:
				return err
			case fault.ReasonOf(err) == "refused":
				a.lose()
			}
			return nil
		}
		a.found(found)
	}
	return nil
}

// lose gives all up: nobody listens where the ids were to be asked for, so the
// collector is down, and will have forgotten them when it is back.
func (a *acks) lose() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop()
}

// drop tells all who wait that their ids are lost; mu is held.
func (a *acks) drop() {
	for id := range a.pending {
		a.settle(id, errLost)
	}
	a.highest = -1
	a.life++
}

// pause is how long to wait before the next query: longer each time that
// nothing has come.
func (a *acks) pause() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.poll
	a.poll = min(2*a.poll, lastPoll)
	return p
}

// ids lists what is waited for.
func (a *acks) ids() []int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]int64, 0, len(a.pending))
	for id := range a.pending {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// found settles what a query answered true.
func (a *acks) found(answers map[string]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for text, yes := range answers {
		id, err := strconv.ParseInt(text, 10, 64)
		if yes && err == nil {
			a.settle(id, nil)
			a.poll = a.first // the indexer moves: those behind it are near
		}
	}
}

// forget gives an id up, if it is still the one that done belongs to.
func (a *acks) forget(id int64, done <-chan error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending[id] == done {
		delete(a.pending, id)
	}
}

// count is how many requests are waited for.
func (a *acks) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.pending)
}

// query is the body of a query.
func query(ids []int64) ([]byte, error) {
	return json.Marshal(map[string][]int64{"acks": ids})
}

// ackFault is the error for a batch that was taken, but not acknowledged.
func ackFault(err error, limit time.Duration) error {
	switch {
	case errors.Is(err, errLost):
		return fault.New(fault.Retry, "ack_lost", fmt.Errorf("%w: sent again", err))
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Retry, "ack_timeout", fmt.Errorf("not acknowledged within %s: sent again, so these events may be there twice", limit))
	case errors.Is(err, context.Canceled):
		return fault.New(fault.Retry, "canceled", fmt.Errorf("wait for the acknowledgement: %w", err))
	default:
		return fmt.Errorf("ask for the acknowledgement: %w", err)
	}
}
