//go:build integration

package kafkaagent

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
)

// Three brokers are restarted one after the other, one of them by a power cut,
// while one agent writes in both modes and another reads. Nothing is lost, and
// with exactly_once nothing is doubled, neither in the topic nor at the reader.
func TestRollingRestart(t *testing.T) {
	k := harness.StartKafka(t, 3)
	create(t, k, "least", 6)
	create(t, k, "exact", 6)
	writer := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: [spool.jsonl]}
sinks:
  least: {type: kafka, brokers: %[1]s, topic: least, batch: {linger: 10ms}, timeout: 10s, retry: {max: 1s}}
  exact: {type: kafka, brokers: %[1]s, topic: exact, exactly_once: true, batch: {linger: 10ms}, timeout: 10s, retry: {max: 1s}}
`, list(k.Plain())))
	reader := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  bus: {type: kafka, brokers: %s, topics: [exact], session_timeout: 6s, decoder: ecs}
sinks:
  out: {type: file, path: out.jsonl, batch: {linger: 10ms}}
`, list(k.Plain())))
	w, r := writer.start(), reader.start()

	total := 0
	collect := func(until func() bool) { // events come all the time
		const some = 3
		if !eventually(t, w, func() bool {
			writer.append("spool.jsonl", lines(total, some, time.Now()))
			total += some
			return until()
		}) {
			t.Fatal("the agent makes no progress")
		}
	}
	for i, b := range k.Brokers {
		if i == 1 {
			b.Kill()
		} else {
			b.Stop()
		}
		down := make(chan struct{})
		go func() {
			defer close(down)
			b.Start()
			k.Ready(3)
		}()
		collect(func() bool { return closed(down) })
	}
	t.Logf("%d events came across three restarts", total)
	w.stop(t)
	writer.once()
	if !eventually(t, r, func() bool { return bytes.Count(reader.read("out.jsonl"), []byte("\n")) >= total }) {
		t.Errorf("the reader has %d of %d events", len(idsIn(t, reader.read("out.jsonl"))), total)
	}
	r.stop(t)

	exact := committed(t, k, "exact")
	if repeats := complete(t, "exact", topic.IDs(exact), total); repeats > 0 {
		t.Errorf("exact: %d events are seen twice", repeats)
	}
	inOrder(t, exact)
	t.Logf("at least once: %d repeats", complete(t, "least", topic.IDs(committed(t, k, "least")), total))
	if repeats := complete(t, "the reader", idsIn(t, reader.read("out.jsonl")), total); repeats > 0 {
		t.Errorf("the reader has %d events twice", repeats)
	}
}
