package sinktest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/leaktest"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// BusyFor is the wait that a Busy destination asks for.
const BusyFor = 7 * time.Second

// Run runs the whole suite.
func Run(t *testing.T, s Suite) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Suite)
	}{
		{"order", testOrder},
		{"accepted", testAccepted},
		{"empty", testEmpty},
		{"duplicates", testDuplicates},
		{"partial", testPartial},
		{"poison", testPoison},
		{"poison alone", testPoisonAlone},
		{"retry", testRetry},
		{"too large", testTooLarge},
		{"credentials", testCredentials},
		{"setup", testSetup},
		{"cancel", testCancel},
		{"cancelled before", testCancelledBefore},
		{"concurrent", testConcurrent},
		{"batch kept", testBatchNotKept},
		{"monitor", testMonitor},
		{"close", testClose},
		{"leak", testLeak},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// open starts a destination and a sink for it, which is closed with the test.
func (s Suite) open(t *testing.T) (sinks.Sink, Destination) {
	t.Helper()
	d := s.New(t)
	k := d.Open(t, Deps(t, nil))
	t.Cleanup(func() {
		if err := k.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return k, d
}

// accept proves that the sink can deliver, and that the destination takes it.
func (s Suite) accept(t *testing.T, k sinks.Sink, first, count int) {
	t.Helper()
	report, err := k.Deliver(t.Context(), Batch(first, count, s.Body))
	if err != nil || len(report.Results) > 0 {
		t.Fatalf("deliver to a healthy destination: report %v, error %v", report, err)
	}
}

// With one batch at a time, events are taken in the order of the journal.
func testOrder(t *testing.T, s Suite) {
	k, d := s.open(t)
	for n := range 5 {
		s.accept(t, k, n*7, 7)
	}
	if got, want := d.Accepted(), ids(Batch(0, 35, s.Body)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A nil error and an empty report mean that everything is there.
func testAccepted(t *testing.T, s Suite) {
	k, d := s.open(t)
	for first, count := 0, 1; count <= 1000; first, count = first+count, count*10 {
		s.accept(t, k, first, count)
		if got := d.Accepted(); len(got) != first+count {
			t.Fatalf("after %d events the destination has %d", first+count, len(got))
		}
	}
}

// A batch may consist of filtered events only.
func testEmpty(t *testing.T, s Suite) {
	k, d := s.open(t)
	report, err := k.Deliver(t.Context(), sinks.Batch{Through: 12})
	if err != nil || len(report.Results) > 0 {
		t.Errorf("report %v, error %v", report, err)
	}
	if got := d.Accepted(); len(got) > 0 {
		t.Errorf("the destination has %v", got)
	}
}

// What the destination has already counts as accepted, and is not doubled.
func testDuplicates(t *testing.T, s Suite) {
	s.need(t, Duplicates)
	k, d := s.open(t)
	s.accept(t, k, 0, 5)
	out := ship(t, k, Batch(3, 4, s.Body))
	if want := ids(Batch(3, 2, s.Body)); !slices.Equal(out.duplicate, want) {
		t.Errorf("duplicates %v, want %v", out.duplicate, want)
	}
	if got, want := d.Accepted(), ids(Batch(0, 7, s.Body)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// One event refused, one put off: both are told apart from those that are in,
// and the one put off arrives later.
func testPartial(t *testing.T, s Suite) {
	s.need(t, Partial, Refuse)
	k, d := s.open(t)
	b := Batch(0, 6, s.Body)
	d.Mark(b.Items[1].Event.ID, sinks.Refused)
	d.Mark(b.Items[4].Event.ID, sinks.Again)
	report, err := k.Deliver(t.Context(), b)
	if err != nil {
		t.Fatalf("deliver: %v", err)
	}
	got := make(map[int]sinks.Outcome)
	for _, r := range report.Results {
		got[r.Index] = r.Outcome
	}
	if got[1] != sinks.Refused || got[4] != sinks.Again {
		t.Errorf("outcomes %v, want 1 refused and 4 again", got)
	}
	var first shipped
	b.Items = first.record(t, b, report)
	rest := ship(t, k, b)
	if refused := append(first.refused, rest.refused...); !slices.Equal(refused, []string{"event-0001"}) {
		t.Errorf("refused %v", refused)
	}
	s.same(t, d, 0, 2, 3, 4, 5)
}

// Poison costs itself alone.
func testPoison(t *testing.T, s Suite) {
	s.need(t, Refuse)
	k, d := s.open(t)
	b := Batch(0, 9, s.Body)
	d.Mark(b.Items[2].Event.ID, sinks.Refused)
	d.Mark(b.Items[8].Event.ID, sinks.Refused)
	out := ship(t, k, b)
	slices.Sort(out.refused)
	if want := []string{"event-0002", "event-0008"}; !slices.Equal(out.refused, want) {
		t.Errorf("refused %v, want %v", out.refused, want)
	}
	s.same(t, d, 0, 1, 3, 4, 5, 6, 7)
}

// Poison that comes alone does not stall what follows.
func testPoisonAlone(t *testing.T, s Suite) {
	s.need(t, Refuse)
	k, d := s.open(t)
	b := Batch(0, 1, s.Body)
	d.Mark(b.Items[0].Event.ID, sinks.Refused)
	if out := ship(t, k, b); !slices.Equal(out.refused, []string{"event-0000"}) {
		t.Errorf("refused %v", out.refused)
	}
	s.accept(t, k, 1, 3)
	s.same(t, d, 1, 2, 3)
}

// same compares what the destination has with the events of those numbers, in
// any order.
func (s Suite) same(t *testing.T, d Destination, numbers ...int) {
	t.Helper()
	want := make([]string, len(numbers))
	for i, n := range numbers {
		want[i] = Event(n).ID
	}
	got := slices.Sorted(slices.Values(d.Accepted()))
	if !slices.Equal(got, want) {
		t.Errorf("the destination has %v, want %v", got, want)
	}
}

func testRetry(t *testing.T, s Suite) {
	s.need(t, Retry)
	k, d := s.open(t)
	d.Meet(Busy)
	err := s.fails(t, k, fault.Retry)
	if _, lacks := s.Lacks[Wait]; !lacks && fault.Wait(err) != BusyFor {
		t.Errorf("wait %v, want %v", fault.Wait(err), BusyFor)
	}
	d.Meet(Healthy)
	s.accept(t, k, 0, 5)
	s.same(t, d, 0, 1, 2, 3, 4)
}

func testTooLarge(t *testing.T, s Suite) {
	s.need(t, TooLarge)
	k, d := s.open(t)
	d.Meet(Small)
	_ = s.fails(t, k, fault.TooLarge)
	if out := ship(t, k, Batch(0, 5, s.Body)); len(out.refused) > 0 {
		t.Errorf("refused %v", out.refused)
	}
	s.same(t, d, 0, 1, 2, 3, 4)
}

func testCredentials(t *testing.T, s Suite) {
	s.need(t, Credentials)
	k, d := s.open(t)
	d.Meet(Locked)
	_ = s.fails(t, k, fault.Credentials)
	d.Meet(Healthy)
	s.accept(t, k, 0, 5)
}

func testSetup(t *testing.T, s Suite) {
	s.need(t, Setup)
	k, d := s.open(t)
	d.Meet(Unready)
	_ = s.fails(t, k, fault.Setup)
	d.Meet(Healthy)
	s.accept(t, k, 0, 5)
}

// fails delivers five events and wants a failure of that kind.
func (s Suite) fails(t *testing.T, k sinks.Sink, want fault.Kind) error {
	t.Helper()
	_, err := k.Deliver(t.Context(), Batch(0, 5, s.Body))
	if err == nil {
		t.Fatalf("no error, want one of kind %v", want)
	}
	if got := fault.KindOf(err); got != want {
		t.Errorf("kind %v, want %v (%v)", got, want, err)
	}
	return err
}

// Deliver returns when its context ends, however silent the destination is.
func testCancel(t *testing.T, s Suite) {
	s.need(t, Cancel)
	k, d := s.open(t)
	arrived := d.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() {
		_, err := k.Deliver(ctx, Batch(0, 5, s.Body))
		ended <- err
	}()
	<-arrived
	cancel()
	err := <-ended
	if err == nil {
		t.Error("no error, although nothing was answered")
	}
	if kind := fault.KindOf(err); kind != fault.Retry {
		t.Errorf("kind %v, want retry (%v)", kind, err)
	}
}

func testCancelledBefore(t *testing.T, s Suite) {
	k, d := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.Deliver(ctx, Batch(0, 5, s.Body))
	if got := len(d.Accepted()); err == nil && got != 5 {
		t.Errorf("no error, but %d of 5 events arrived", got)
	}
}

// Deliver may run several times at once.
func testConcurrent(t *testing.T, s Suite) {
	k, d := s.open(t)
	const deliveries, each = 4, 25
	var group sync.WaitGroup
	for n := range deliveries {
		group.Go(func() {
			report, err := k.Deliver(t.Context(), Batch(n*each, each, s.Body))
			if err != nil || len(report.Results) > 0 {
				t.Errorf("report %v, error %v", report, err)
			}
		})
	}
	group.Wait()
	got := slices.Sorted(slices.Values(d.Accepted()))
	if want := ids(Batch(0, deliveries*each, s.Body)); !slices.Equal(got, want) {
		t.Errorf("%d events arrived, want %d", len(got), len(want))
	}
}

// The batch belongs to the shipper: it is not changed, and not read once
// Deliver has returned.
func testBatchNotKept(t *testing.T, s Suite) {
	k, d := s.open(t)
	b := Batch(0, 20, s.Body)
	before := bodies(b)
	if report, err := k.Deliver(t.Context(), b); err != nil || len(report.Results) > 0 {
		t.Fatalf("report %v, error %v", report, err)
	}
	if !slices.EqualFunc(bodies(b), before, bytes.Equal) {
		t.Error("Deliver changed a body")
	}
	scribble(b)
	s.accept(t, k, 20, 20)
	if got, want := d.Accepted(), ids(Batch(0, 40, s.Body)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func testMonitor(t *testing.T, s Suite) {
	s.need(t, Requests)
	var m Monitor
	d := s.New(t)
	k := d.Open(t, Deps(t, &m))
	defer func() { _ = k.Close(t.Context()) }()
	s.accept(t, k, 0, 5)
	if requests, bytes := m.Total(); requests == 0 || bytes == 0 {
		t.Errorf("the monitor saw %d requests of %d bytes", requests, bytes)
	}
	if text := m.WaitsFor(); text != "" {
		t.Errorf("the sink still waits: %s", text)
	}
}

// Close may be called twice, and on a sink that never delivered.
func testClose(t *testing.T, s Suite) {
	d := s.New(t)
	unused, used := d.Open(t, Deps(t, nil)), d.Open(t, Deps(t, nil))
	s.accept(t, used, 0, 5)
	for _, k := range []sinks.Sink{unused, used, used} {
		if err := k.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	s.same(t, d, 0, 1, 2, 3, 4)
}

// Whatever happened, no goroutine outlives Close.
func testLeak(t *testing.T, s Suite) {
	d := s.New(t)
	before := goleak.IgnoreCurrent()
	k := d.Open(t, Deps(t, nil))
	s.accept(t, k, 0, 5)
	if _, lacks := s.Lacks[Retry]; !lacks {
		d.Meet(Busy)
		_ = s.fails(t, k, fault.Retry)
	}
	if err := k.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	leaktest.Ended(t, before)
}
