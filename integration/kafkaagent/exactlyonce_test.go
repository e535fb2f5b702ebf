//go:build integration

package kafkaagent

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
)

// However often and wherever the agent is killed, a read_committed consumer
// sees each event once.
func testKills(t *testing.T, k *harness.Kafka) {
	const kills, each, batch = 50, 250, 50
	create(t, k, "killed", 3)
	u := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: [spool/audit.jsonl]}
sinks:
  kafka: {type: kafka, brokers: %s, topic: killed, exactly_once: true, batch: {max_events: %d, linger: 1ms}, retry: {initial: 10ms, max: 100ms}}
`, list(k.Plain()), batch))
	w := watch(t, k, "killed")
	total := 0
	for range kills {
		u.append("spool/audit.jsonl", lines(total, each, time.Now())) // there is always something to do
		total += each
		a := u.start()
		if !eventually(t, a, moments[rand.IntN(len(moments))](u, a, w)) {
			t.Fatal("the agent makes no progress")
		}
		a.kill()
	}
	seen := w.count()
	u.once()
	records := committed(t, k, "killed")
	if repeats := complete(t, "the topic", topic.IDs(records), total); repeats > 0 {
		t.Errorf("%d events are seen twice", repeats)
	}
	inOrder(t, records)
	all := topic.All(t, "killed", kgo.SeedBrokers(k.Plain()...))
	t.Logf("%d kills; %d records were seen by then; %d of %d are of aborted transactions", kills, seen, len(all)-len(records), len(all))
}

// moments are what a kill waits for: a step of an agent, seen from outside.
var moments = []func(*user, *running, *watcher) func() bool{
	func(_ *user, _ *running, w *watcher) func() bool { // some way into a transaction, or just after one
		goal := w.count() + 1 + rand.IntN(200)
		return func() bool { return w.count() >= goal }
	},
	func(u *user, _ *running, _ *watcher) func() bool { // a transaction was committed, and the cursor is stored
		before := u.read("data/cursors/kafka")
		return func() bool { return !bytes.Equal(u.read("data/cursors/kafka"), before) }
	},
	func(_ *user, a *running, _ *watcher) func() bool { // at the start, while it fences its predecessor
		return func() bool { return a.log.contains("running") }
	},
}

// inOrder wants the records of each partition in the order of the events.
func inOrder(t *testing.T, records []*kgo.Record) {
	t.Helper()
	last := make(map[int32]string)
	for i, id := range topic.IDs(records) {
		p := records[i].Partition
		if isOwn(id) {
			continue
		}
		if last[p] >= id {
			t.Fatalf("partition %d: %s after %s", p, id, last[p])
		}
		last[p] = id
	}
}

// watcher counts the records that arrive in a topic, also in transactions that
// are still open.
type watcher struct {
	mu sync.Mutex // guards n
	n  int
}

func watch(t *testing.T, k *harness.Kafka, name string) *watcher {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Plain()...), kgo.ConsumeTopics(name), kgo.FetchMaxWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			n := client.PollFetches(ctx).NumRecords()
			w.mu.Lock()
			w.n += n
			w.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		client.Close()
	})
	return w
}

func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// Somebody removes the journal, but leaves the agent's identity and what Kafka
// keeps for it. The new journal counts from 1 again, and its events must not be
// taken for those that Kafka has.
func testJournalLost(t *testing.T, k *harness.Kafka) {
	const before, after = 300, 200
	create(t, k, "lost", 3)
	u := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: [spool/*.jsonl]}
sinks:
  kafka: {type: kafka, brokers: %s, topic: lost, exactly_once: true}
`, list(k.Plain())))
	u.write("spool/before.jsonl", lines(0, before, time.Now()))
	u.once()
	for _, gone := range []string{"data/journal", "spool/before.jsonl"} {
		if err := os.RemoveAll(u.path(gone)); err != nil {
			t.Fatal(err)
		}
	}
	// Once with fewer events than the old journal had, once with more in all.
	u.write("spool/after.jsonl", lines(before, after, time.Now()))
	u.once()
	u.write("spool/later.jsonl", lines(before+after, after, time.Now()))
	u.once()
	if repeats := complete(t, "the topic", topic.IDs(committed(t, k, "lost")), before+2*after); repeats > 0 {
		t.Errorf("%d events are seen twice", repeats)
	}
}
