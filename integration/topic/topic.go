// Package topic reads Kafka topics back with a client that is not the one under
// test.
package topic

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Committed returns what a read_committed consumer sees in a topic from its
// start to its present end, in order within each partition. While a transaction
// is open it waits for its end.
func Committed(t testing.TB, topic string, opts ...kgo.Opt) []*kgo.Record {
	t.Helper()
	return read(t, topic, append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted())))
}

// All returns every record in a topic, those of aborted transactions too.
func All(t testing.TB, topic string, opts ...kgo.Opt) []*kgo.Record {
	t.Helper()
	return read(t, topic, opts)
}

func read(t testing.TB, topic string, opts []kgo.Opt) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
	defer cancel()
	client, err := kgo.NewClient(append(opts, kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.KeepControlRecords())...)
	if err != nil {
		t.Fatalf("read %s: %v", topic, err)
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		t.Fatalf("ends of %s: %v", topic, err)
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			ends[o.Partition] = o.Offset
		}
	})
	var out []*kgo.Record
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v; still to come: %v", topic, err, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
			if r.Offset >= ends[r.Partition]-1 {
				delete(ends, r.Partition)
			}
		})
	}
	return out
}

// Header returns a record's header, empty where it has none.
func Header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// IDs returns the event ids of records.
func IDs(records []*kgo.Record) []string {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = Header(r, "ce_id")
	}
	return ids
}
