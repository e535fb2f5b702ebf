//go:build integration

package kafkaagent

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
)

// Every event of a spool is in both topics, as docs/sinks/kafka.md says.
func testDelivery(t *testing.T, k *harness.Kafka) {
	const total, partitions = 50_000, 6
	create(t, k, "by-id", partitions)
	create(t, k, "by-person", partitions)
	u := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: [spool/*.jsonl]}
sinks:
  plain: {type: kafka, brokers: %[1]s, topic: by-id}
  people: {type: kafka, brokers: %[1]s, topic: by-person, key: user.name, exactly_once: true}
`, list(k.Plain())))
	recent, old := time.Now().Add(-time.Hour), time.Now().Add(-40*24*time.Hour)
	for i := range 5 {
		at := recent
		if i == 0 {
			at = old // its records get the present
		}
		u.write(fmt.Sprintf("spool/%d.jsonl", i), lines(i*total/5, total/5, at))
	}
	began := time.Now()
	u.once()
	t.Logf("%d events into two topics: %v", total, time.Since(began).Round(time.Millisecond))

	for name, key := range map[string]func(document) string{
		"by-id":     func(d document) string { return d.Event.ID },
		"by-person": func(d document) string { return d.User.Email },
	} {
		records := committed(t, k, name)
		if repeats := complete(t, name, topic.IDs(records), total); repeats > 0 {
			t.Errorf("%s: %d events twice, though nothing went wrong", name, repeats)
		}
		inspect(t, name, records, key, partitions, began)
	}
}

// inspect compares records with the documents in them.
func inspect(t *testing.T, name string, records []*kgo.Record, key func(document) string, partitions int, began time.Time) {
	t.Helper()
	place := kgo.StickyKeyPartitioner(nil).ForTopic(name) // murmur2, as Java's producer
	deliveries := make(map[int]bool)
	last := make(map[int32]int)
	for _, r := range records {
		var d document
		if err := json.Unmarshal(r.Value, &d); err != nil {
			t.Fatalf("%s/%d:%d is no JSON: %v", name, r.Partition, r.Offset, err)
		}
		n, err := strconv.Atoi(topic.Header(r, "shiplog_delivery"))
		sequence, err2 := strconv.Atoi(topic.Header(r, "shiplog_sequence"))
		if err != nil || err2 != nil || sequence <= last[r.Partition] {
			t.Fatalf("%s/%d:%d: sequence %d after %d; headers %v", name, r.Partition, r.Offset, sequence, last[r.Partition], r.Headers)
		}
		last[r.Partition], deliveries[n] = sequence, true
		if isOwn(d.Event.ID) {
			continue
		}
		if string(r.Key) != key(d) || int(r.Partition) != place.Partition(r, partitions) {
			t.Fatalf("%s: event %s has the key %q in partition %d", name, d.Event.ID, r.Key, r.Partition)
		}
		want := map[string]string{
			"ce_specversion": "1.0", "ce_id": d.Event.ID, "ce_source": "/prefect-cloud/accounts/" + account,
			"ce_type": "prefect-cloud.api-key.created", "ce_time": d.Time.UTC().Format(time.RFC3339Nano),
			"content-type": "application/json", "shiplog_format": "ecs",
		}
		for header, value := range want {
			if got := topic.Header(r, header); got != value {
				t.Fatalf("%s: event %s has %s=%q, want %q", name, d.Event.ID, header, got, value)
			}
		}
		if late := began.Sub(d.Time) > 24*time.Hour; !late && !r.Timestamp.Equal(d.Time.Truncate(time.Millisecond)) ||
			late && r.Timestamp.Before(began.Truncate(time.Millisecond)) {
			t.Fatalf("%s: event of %v has the time %v", name, d.Time, r.Timestamp)
		}
	}
	if most := slices.Max(slices.Collect(maps.Keys(deliveries))); most != len(records) || len(deliveries) != len(records) {
		t.Errorf("%s: %d delivery numbers up to %d for %d records", name, len(deliveries), most, len(records))
	}
}

// A topic takes less than the sink sends. Record batches are halved; the event
// that is too large by itself is a dead letter, and its neighbours are in.
func testTooLarge(t *testing.T, k *harness.Kafka) {
	const total, large = 1_000, 500
	create(t, k, "small-least", 1, "max.message.bytes=20000")
	create(t, k, "small-exact", 1, "max.message.bytes=20000")
	u := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: [spool.jsonl]}
sinks:
  least: {type: kafka, brokers: %[1]s, topic: small-least, compression: none}
  exact: {type: kafka, brokers: %[1]s, topic: small-exact, compression: none, exactly_once: true}
`, list(k.Plain())))
	now := time.Now()
	u.append("spool.jsonl", lines(0, large, now))
	u.append("spool.jsonl", line(total, now, strings.Repeat("long ", 5000)))
	u.append("spool.jsonl", lines(large, total-large, now))
	u.once()
	for _, name := range []string{"least", "exact"} {
		if repeats := complete(t, name, topic.IDs(committed(t, k, "small-"+name)), total); repeats > 0 {
			t.Errorf("%s: %d events twice", name, repeats)
		}
		letters := u.read("data/deadletters/" + name + ".jsonl")
		if strings.Count(string(letters), "\n") != 1 || !strings.Contains(string(letters), idOf(total)) {
			t.Errorf("%s: dead letters: %.400s", name, letters)
		}
	}
}
