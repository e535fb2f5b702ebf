package splunkhec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

// indexer acknowledges ids when told to, and forgets them then.
type indexer struct {
	mu      sync.Mutex // guards what follows
	indexed []int64
	queries [][]int64
	fail    error
}

func (x *indexer) ask(_ context.Context, ids []int64) (map[string]bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.queries = append(x.queries, slices.Clone(ids))
	if x.fail != nil {
		return nil, x.fail
	}
	answers := make(map[string]bool)
	for _, id := range ids {
		at := slices.Index(x.indexed, id)
		answers[fmt.Sprint(id)] = at >= 0
		if at >= 0 {
			x.indexed = slices.Delete(x.indexed, at, at+1)
		}
	}
	return answers, nil
}

func (x *indexer) index(ids ...int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.indexed = append(x.indexed, ids...)
}

// waiters wait for ids at once, and return what became of each.
func waiters(ctx context.Context, a *acks, ids ...int64) func() map[int64]error {
	var group sync.WaitGroup
	var mu sync.Mutex
	out := make(map[int64]error)
	before := a.seen()
	for _, id := range ids {
		done := a.expect(id, before)
		group.Go(func() {
			err := a.wait(ctx, id, done)
			mu.Lock()
			defer mu.Unlock()
			out[id] = err
		})
	}
	return func() map[int64]error {
		group.Wait()
		return out
	}
}

// All who wait are asked for in one query, and each is let go as soon as its
// own id is there.
func TestQueriesAreBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &indexer{}
		a := newAcks(x.ask)
		x.index(2)
		wait := waiters(t.Context(), a, 0, 1, 2)
		time.Sleep(firstPoll + 1)
		synctest.Wait()
		if a.count() != 2 {
			t.Errorf("%d are waited for, want 2", a.count())
		}
		x.index(0, 1)
		for id, err := range wait() {
			if err != nil {
				t.Errorf("%d: %v", id, err)
			}
		}
		if want := [][]int64{{0, 1, 2}, {0, 1}}; !slices.EqualFunc(x.queries, want, slices.Equal) {
			t.Errorf("queries %v, want %v", x.queries, want)
		}
		if a.count() != 0 {
			t.Error("an id is kept")
		}
	})
}

// A slow indexer is asked less and less often, but never given up before the
// time is over.
func TestQueriesBecomeRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &indexer{}
		a := newAcks(x.ask)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := waiters(ctx, a, 7)()[7]
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the time", err)
		}
		if f := ackFault(err, time.Minute); fault.ReasonOf(f) != "ack_timeout" || fault.KindOf(f) != fault.Retry {
			t.Errorf("fault %v", f)
		}
		if got := len(x.queries); got < 25 || got > 40 {
			t.Errorf("%d queries in a minute", got)
		}
		if a.count() != 0 {
			t.Error("an id is kept")
		}
	})
}

// After a restart the collector counts from 0 again: what was pending is lost,
// and known to be so at once.
func TestRestartIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &indexer{}
		a := newAcks(x.ask)
		old := waiters(t.Context(), a, 40, 41)
		x.index(0)
		next := waiters(t.Context(), a, 0)
		for id, err := range old() {
			if !errors.Is(err, errLost) {
				t.Errorf("%d: %v, want lost", id, err)
			}
		}
		if err := next()[0]; err != nil {
			t.Errorf("after the restart: %v", err)
		}
	})
}

// A query that fails for now is asked again; one that fails for good ends the
// wait.
func TestFailedQueries(t *testing.T) {
	for _, c := range []struct {
		name string
		fail error
		want fault.Kind
		ends bool
	}{
		{"network", errors.New("reset"), fault.Retry, false},
		{"busy", fault.New(fault.Retry, "", errors.New("busy")), fault.Retry, false},
		{"token revoked", fault.New(fault.Credentials, "", errors.New("no")), fault.Credentials, true},
		{"acknowledgement turned off", fault.New(fault.Setup, "", errors.New("no")), fault.Setup, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &indexer{fail: c.fail}
				a := newAcks(x.ask)
				wait := waiters(t.Context(), a, 3)
				time.Sleep(time.Second)
				x.mu.Lock()
				x.fail = nil
				x.mu.Unlock()
				x.index(3)
				err := wait()[3]
				if (err != nil) != c.ends || c.ends && fault.KindOf(err) != c.want {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// When the one who asks goes away, another takes the turn.
func TestTurnIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &indexer{}
		a := newAcks(x.ask)
		ctx, cancel := context.WithCancel(t.Context())
		first := waiters(ctx, a, 0)
		synctest.Wait()
		second := waiters(t.Context(), a, 1)
		synctest.Wait()
		cancel()
		if err := first()[0]; !errors.Is(err, context.Canceled) {
			t.Errorf("first: %v", err)
		}
		x.index(1)
		if err := second()[1]; err != nil {
			t.Errorf("second: %v", err)
		}
	})
}

// A restart shows in the answers to all requests that were sent before anybody
// had noticed it. It is one restart all the same: what the collector was given
// since is not lost.
func TestRestartIsNoticedOnce(t *testing.T) {
	a := newAcks((&indexer{}).ask)
	old := a.expect(40, a.seen())
	before := a.seen() // of two requests that the collector answers after its restart
	first := a.expect(0, before)
	second := a.expect(1, before)
	if err := <-old; !errors.Is(err, errLost) {
		t.Errorf("what hung on the old collector: got %v, want %v", err, errLost)
	}
	if len(first) > 0 || len(second) > 0 || a.count() != 2 {
		t.Errorf("%d are waited for, want both", a.count())
	}
}
