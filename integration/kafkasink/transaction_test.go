package kafkasink

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// Whatever request of a transaction fails, and however, each event is there
// once in the end, and the cursor is right.
func TestEachRequestOfATransactionFails(t *testing.T) {
	errs := map[string]*kerr.Error{
		"coordinator moved":        kerr.NotCoordinator,
		"coordinator loads":        kerr.CoordinatorLoadInProgress,
		"coordinator missing":      kerr.CoordinatorNotAvailable,
		"earlier transaction":      kerr.ConcurrentTransactions,
		"id expired":               kerr.InvalidProducerIDMapping,
		"fenced":                   kerr.ProducerFenced,
		"epoch":                    kerr.InvalidProducerEpoch,
		"state":                    kerr.InvalidTxnState,
		"answer lost":              kerr.RequestTimedOut,
		"server":                   kerr.UnknownServerError,
		"must be aborted":          kerr.TransactionAbortable,
		"out of order":             kerr.OutOfOrderSequenceNumber,
		"replicas after the write": kerr.NotEnoughReplicasAfterAppend,
	}
	keys := []kmsg.Key{
		kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.Produce,
		kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.OffsetFetch, kmsg.FindCoordinator,
	}
	for name, e := range errs {
		for _, key := range keys {
			t.Run(name+"/"+key.Name(), func(t *testing.T) {
				t.Parallel()
				d := start(t, 1, 3, "exactly_once: true")
				s := open(t, d)
				d.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: e}, kfake.Fault{Keys: []kmsg.Key{key}, TopLevel: true, Err: e})
				for n := range 4 {
					settle(t, s, sinktest.Batch(n*20, 20, nil))
				}
				same(t, d.Accepted(), ids(0, 80))
				through, err := open(t, d).(sinks.Resumer).Resume(t.Context(), 0)
				if err != nil || through != 80 {
					t.Errorf("resume: %d, %v; want 80", through, err)
				}
			})
		}
	}
}

// settle delivers a batch until nothing of it comes again, as a shipper does.
func settle(t *testing.T, s sinks.Sink, b sinks.Batch) {
	t.Helper()
	var last error
	for range 10 {
		r, err := s.Deliver(t.Context(), b)
		if last = err; err != nil {
			continue
		}
		var again []sinks.Item
		for _, res := range r.Results {
			if res.Outcome == sinks.Again {
				again = append(again, b.Items[res.Index])
			}
		}
		if len(again) == 0 {
			return
		}
		b.Items = again
	}
	t.Fatalf("not settled: %v", last)
}

// The answer to a commit is lost, but the commit is not: the batch comes again
// and is recognised.
func TestLostAnswerToCommit(t *testing.T) {
	d := start(t, 1, 3, "exactly_once: true")
	s := open(t, d)
	deliver(t, s, sinktest.Batch(0, 20, nil))
	var commit kmsg.EndTxnRequest
	for range 2 { // the commit, and the abort that the sink then tries
		d.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
			if req := r.(*kmsg.EndTxnRequest); req.Commit {
				commit = *req
			}
			return nil, errors.New("the connection breaks"), true
		})
	}
	b := sinktest.Batch(20, 20, nil)
	if _, err := s.Deliver(t.Context(), b); fault.KindOf(err) != fault.Retry {
		t.Fatalf("deliver: %v", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(d.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := commit.RequestWith(t.Context(), client); err != nil || !commit.Commit { // it was only late
		t.Fatalf("commit: %v", err)
	}
	r, err := s.Deliver(t.Context(), b)
	if err != nil || len(r.Results) != 20 || slices.ContainsFunc(r.Results, func(r sinks.Result) bool { return r.Outcome != sinks.Duplicate }) {
		t.Errorf("again: %v, error %v; want 20 duplicates", r.Results, err)
	}
	same(t, d.Accepted(), ids(0, 40))
}

// Two agents with one name are a mistake that somebody has to hear of.
func TestRivals(t *testing.T) {
	d := start(t, 1, 1, "exactly_once: true")
	one, two := open(t, d), open(t, d)
	deliver(t, one, sinktest.Batch(0, 5, nil))
	settle(t, two, sinktest.Batch(0, 5, nil)) // resumes behind the first, and fences it
	var kinds []fault.Kind
	for range 3 {
		_, err := one.Deliver(t.Context(), sinktest.Batch(5, 5, nil))
		if fault.ReasonOf(err) != "fenced" {
			t.Errorf("got %v, want that we are fenced", err)
		}
		kinds = append(kinds, fault.KindOf(err))
		for _, s := range []sinks.Sink{one, two} { // the first takes its place back, and loses it again
			if _, err := s.(sinks.Resumer).Resume(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := []fault.Kind{fault.Retry, fault.Retry, fault.Setup}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
}

// What was refused for good leaves the transaction without it.
func TestRefusedInATransaction(t *testing.T) {
	d := start(t, 1, 1, "exactly_once: true", "compression: none")
	s := open(t, d)
	b := sinktest.Batch(0, 10, nil)
	d.Mark(b.Items[3].Event.ID, sinks.Refused)
	settle(t, s, b)
	settle(t, s, sinktest.Batch(10, 10, nil))
	want := slices.DeleteFunc(ids(0, 20), func(id string) bool { return id == b.Items[3].Event.ID })
	same(t, d.Accepted(), want)
	if all := topic.All(t, audit, kgo.SeedBrokers(d.ListenAddrs()...)); len(all) <= len(want) {
		t.Errorf("%d records in all, want those of the aborted transaction too", len(all))
	}
}

// The data directory keeps its identity and loses its journal. What the new one
// holds has nothing to do with the cursor that the old one left.
func TestCursorOfAnotherJournal(t *testing.T) {
	d := start(t, 1, 3, "exactly_once: true")
	deliver(t, open(t, d), sinktest.Batch(0, 50, nil))
	deps := sinktest.Deps(t, nil)
	deps.Journal = "another"
	s := d.Open(t, deps)
	t.Cleanup(func() { s.Close(t.Context()) })
	through, err := s.(sinks.Resumer).Resume(t.Context(), 0)
	if err != nil || through != 0 {
		t.Fatalf("resume: %d, %v; want 0", through, err)
	}
	// Sequences begin at 1 again, with other events.
	b := sinktest.Batch(50, 20, nil)
	for i, item := range b.Items {
		item.Event.Sequence = uint64(i + 1)
	}
	b.Through = 20
	d.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.InvalidTxnState}) // and begin asks once more
	settle(t, s, b)
	same(t, d.Accepted(), ids(0, 70))
	if through, err = s.(sinks.Resumer).Resume(t.Context(), 0); err != nil || through != 20 {
		t.Errorf("resume: %d, %v; want 20", through, err)
	}
}

// The journal is an older copy of itself: the shipper goes on before what Resume
// has said, and nothing of what it delivers is taken for known. Whatever fails.
func TestCursorIsNotBelieved(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.Produce} {
		t.Run(key.Name(), func(t *testing.T) {
			d := start(t, 1, 3, "exactly_once: true")
			deliver(t, open(t, d), sinktest.Batch(0, 50, nil))
			s := open(t, d)
			through, err := s.(sinks.Resumer).Resume(t.Context(), 20)
			if err != nil || through != 50 {
				t.Fatalf("resume: %d, %v; want 50", through, err)
			}
			b := sinktest.Batch(50, 10, nil)
			for i, item := range b.Items {
				item.Event.Sequence = uint64(21 + i)
			}
			b.Through = 30
			d.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.UnknownServerError}, kfake.Fault{Keys: []kmsg.Key{key}, TopLevel: true, Err: kerr.UnknownServerError})
			settle(t, s, b)
			same(t, d.Accepted(), ids(0, 60))
			if through, err = s.(sinks.Resumer).Resume(t.Context(), 0); err != nil || through != 30 {
				t.Errorf("resume: %d, %v; want 30", through, err)
			}
		})
	}
}
