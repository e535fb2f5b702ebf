package kafkasink

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

func open(t *testing.T, d *destination) sinks.Sink {
	t.Helper()
	s := d.Open(t, sinktest.Deps(t, nil))
	t.Cleanup(func() { s.Close(t.Context()) })
	return s
}

// deliver delivers and wants that everything is accepted.
func deliver(t *testing.T, s sinks.Sink, b sinks.Batch) {
	t.Helper()
	if r, err := s.Deliver(t.Context(), b); err != nil || len(r.Results) > 0 {
		t.Fatalf("deliver: report %v, error %v", r, err)
	}
}

func ids(first, count int) []string {
	out := make([]string, count)
	for i := range out {
		out[i] = sinktest.Event(first + i).ID
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("the topic has %d events %v, want %d", len(got), got, len(want))
	}
}

func TestRecord(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			d := start(t, 1, 1, "compression: "+compression, "key: user.name")
			b := sinktest.Batch(3, 1, nil)
			e := b.Items[0].Event
			e.Occurred = time.Now().Add(-time.Hour).UTC()
			b.Items[0].Number = 17
			deliver(t, open(t, d), b)
			records := d.committed()
			if len(records) != 1 {
				t.Fatalf("%d records", len(records))
			}
			r := records[0]
			if string(r.Key) != e.Actor || string(r.Value) != string(b.Items[0].Body) || !r.Timestamp.Equal(e.Occurred.Truncate(time.Millisecond)) {
				t.Errorf("key %q, time %v, value %s", r.Key, r.Timestamp, r.Value)
			}
			for key, want := range map[string]string{
				"ce_specversion": "1.0", "ce_id": e.ID, "ce_type": e.Action, "ce_subject": e.Resource,
				"ce_source": "/prefect-cloud/accounts/" + e.Account, "ce_time": e.Occurred.Format(time.RFC3339Nano),
				"content-type": "application/json", "shiplog_sequence": "4", "shiplog_delivery": "17", "shiplog_format": "ecs",
				"shiplog_agent": sinktest.Deps(t, nil).Agent, "shiplog_journal": sinktest.Deps(t, nil).Journal,
			} {
				if got := topic.Header(r, key); got != want {
					t.Errorf("header %s: got %q, want %q", key, got, want)
				}
			}
		})
	}
}

// The same key goes to the same partition, and stays in order there.
func TestOrderWithinPartition(t *testing.T) {
	d := start(t, 3, 7, "max_message_bytes: 3KiB", "key: event.id")
	s := open(t, d)
	for n := range 4 {
		deliver(t, s, sinktest.Batch(n*50, 50, nil))
	}
	last := make(map[int32]string)
	records := d.committed()
	for _, r := range records {
		id := topic.Header(r, "ce_id")
		if last[r.Partition] >= id {
			t.Errorf("partition %d: %s after %s", r.Partition, id, last[r.Partition])
		}
		last[r.Partition] = id
	}
	if len(records) != 200 || len(last) != 7 {
		t.Errorf("%d records in %d partitions, want 200 in 7", len(records), len(last))
	}
}

// Partitions fail alone: what the others took does not come again.
func TestOnePartitionFails(t *testing.T) {
	d := start(t, 2, 4)
	s := open(t, d)
	d.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{2}, Err: kerr.NotEnoughReplicas})
	b := sinktest.Batch(0, 60, nil)
	r, err := s.Deliver(t.Context(), b)
	if err != nil {
		t.Fatalf("deliver: %v", err)
	}
	if len(r.Results) == 0 || len(r.Results) == 60 {
		t.Fatalf("%d of 60 come again", len(r.Results))
	}
	var again []sinks.Item
	for _, res := range r.Results {
		if res.Outcome != sinks.Again || fault.KindOf(res.Err) != fault.Retry {
			t.Errorf("index %d: outcome %v, %v", res.Index, res.Outcome, res.Err)
		}
		again = append(again, b.Items[res.Index])
	}
	deliver(t, s, sinks.Batch{Items: again, Through: b.Through})
	same(t, d.Accepted(), ids(0, 60))
}

func TestLeaderMoves(t *testing.T) {
	for _, mode := range []string{"exactly_once: false", "exactly_once: true"} {
		t.Run(mode, func(t *testing.T) {
			d := start(t, 3, 1, mode)
			s := open(t, d)
			deliver(t, s, sinktest.Batch(0, 5, nil))
			if err := d.MoveTopicPartition(audit, 0, (d.LeaderFor(audit, 0)+1)%3); err != nil {
				t.Fatal(err)
			}
			b := sinktest.Batch(5, 5, nil)
			_, err := s.Deliver(t.Context(), b)
			if fault.KindOf(err) != fault.Retry || fault.ReasonOf(err) != "not_leader_for_partition" {
				t.Fatalf("deliver to the old leader: %v (%s)", err, fault.ReasonOf(err))
			}
			deliver(t, s, b) // the very next try knows better
			same(t, d.Accepted(), ids(0, 10))
		})
	}
}

// A record batch that the topic finds too large is halved; a record that is too
// large alone is refused alone.
func TestTooLargeIsSplit(t *testing.T) {
	for _, mode := range []string{"exactly_once: false", "exactly_once: true"} {
		t.Run(mode, func(t *testing.T) {
			d := start(t, 1, 1, mode, "compression: none")
			if err := d.DeleteTopic(audit); err != nil {
				t.Fatal(err)
			}
			if err := d.CreateTopic(audit, 1, map[string]string{"max.message.bytes": "6000"}); err != nil {
				t.Fatal(err)
			}
			s := open(t, d)
			deliver(t, s, sinktest.Batch(0, 40, nil))
			b := sinktest.Batch(40, 3, nil)
			b.Items[1].Body = []byte(`{"event":{"x":"` + strings.Repeat("y", 7000) + `"}}`)
			r, err := s.Deliver(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			var again []sinks.Item
			for _, res := range r.Results {
				switch res.Outcome {
				case sinks.Again:
					again = append(again, b.Items[res.Index])
				case sinks.Refused:
					if res.Index != 1 || fault.KindOf(res.Err) != fault.TooLarge {
						t.Errorf("refused %d: %v", res.Index, res.Err)
					}
				default:
					t.Errorf("index %d: outcome %v", res.Index, res.Outcome)
				}
			}
			if len(again) > 0 {
				deliver(t, s, sinks.Batch{Items: again, Through: b.Through})
			}
			same(t, d.Accepted(), append(ids(0, 41), "event-0042"))
		})
	}
}

// A time that the broker will not take is replaced by the present one; the
// event itself keeps it.
func TestInvalidTimestamp(t *testing.T) {
	d := start(t, 1, 1, "compression: none")
	d.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.ProduceRequest)
		resp := refuse(req, 0, []int32{1}).(*kmsg.ProduceResponse)
		resp.Topics[0].Partitions[0].ErrorCode = kerr.InvalidTimestamp.Code
		return resp, nil, true
	})
	b := sinktest.Batch(0, 3, nil)
	hourAgo := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	for _, item := range b.Items {
		item.Event.Occurred = hourAgo
	}
	deliver(t, open(t, d), b)
	for i, r := range d.committed() {
		if now := r.Timestamp.After(hourAgo); now != (i == 1) {
			t.Errorf("record %d has the time %v", i, r.Timestamp)
		}
		if got, want := topic.Header(r, "ce_time"), hourAgo.Format(time.RFC3339Nano); got != want {
			t.Errorf("record %d: ce_time %s, want %s", i, got, want)
		}
	}
}

// Topics delete by the time of the records: a late event is not written as one
// that is due to go.
func TestLateEvent(t *testing.T) {
	d := start(t, 1, 1)
	b := sinktest.Batch(0, 1, nil)
	began := time.Now().Truncate(time.Millisecond)
	b.Items[0].Event.Occurred = began.Add(-25 * time.Hour)
	deliver(t, open(t, d), b)
	if r := d.committed()[0]; r.Timestamp.Before(began) || topic.Header(r, "ce_time") != b.Items[0].Event.Occurred.UTC().Format(time.RFC3339Nano) {
		t.Errorf("a day late: record time %v, ce_time %s", r.Timestamp, topic.Header(r, "ce_time"))
	}
}

func TestUnknownTopic(t *testing.T) {
	d := start(t, 1, 1)
	s := open(t, d)
	if err := d.DeleteTopic(audit); err != nil {
		t.Fatal(err)
	}
	b := sinktest.Batch(0, 5, nil)
	_, err := s.Deliver(t.Context(), b)
	if fault.KindOf(err) != fault.Setup || !strings.Contains(fmt.Sprint(err), "create it") {
		t.Errorf("got %v (%v), want how to set it up", err, fault.KindOf(err))
	}
	if d.TopicInfo(audit) != nil {
		t.Error("the sink has created the topic")
	}
	if err := d.CreateTopic(audit, 1, nil); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, b)
}

func TestBrokersDown(t *testing.T) {
	d := start(t, 1, 1)
	s := open(t, d)
	d.Close()
	_, err := s.Deliver(t.Context(), sinktest.Batch(0, 5, nil))
	if fault.KindOf(err) != fault.Retry || fault.ReasonOf(err) != "refused" {
		t.Errorf("got %v (%v, %s)", err, fault.KindOf(err), fault.ReasonOf(err))
	}
}

func TestCheck(t *testing.T) {
	d := start(t, 2, 3, "exactly_once: true")
	s := open(t, d)
	check := func() (lines []string, err error) {
		err = s.(sinks.Checker).Check(t.Context(), func(line string) { lines = append(lines, line) })
		return lines, err
	}
	lines, err := check()
	if err != nil || len(lines) == 0 || !strings.Contains(lines[0], "2 brokers; topic audit has 3 partitions") {
		t.Errorf("said %q, error %v", lines, err)
	}
	if n := len(d.committed()); n > 0 {
		t.Errorf("checking has written %d records", n)
	}
	d.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed},
		kfake.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Err: kerr.TransactionalIDAuthorizationFailed},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed},
	)
	_, err = check()
	for _, want := range []string{"grant Write on the topic", "grant Write and Describe on the transactional id", "grant Read on the topic"} {
		if !strings.Contains(errors.Join(err, errors.New("")).Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
