//go:build integration

package kafkaagent

import (
	"fmt"
	"testing"
	"time"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
)

// Kafka is gone for a while, from one moment to the next. Another sink of the
// same agent does not notice, and everything arrives when Kafka is back.
func testOutage(t *testing.T, k *harness.Kafka) {
	const some = 500
	create(t, k, "outage-least", 3)
	create(t, k, "outage-exact", 3)
	u := newUser(t, fmt.Sprintf(`
data_dir: data
sources:
  spool: {type: spool, paths: [spool.jsonl]}
sinks:
  least: {type: kafka, brokers: %[1]s, topic: outage-least, batch: {linger: 10ms}, timeout: 5s, retry: {max: 500ms}}
  exact: {type: kafka, brokers: %[1]s, topic: outage-exact, exactly_once: true, batch: {linger: 10ms}, timeout: 5s, retry: {max: 500ms}}
  out: {type: file, path: out.jsonl, batch: {linger: 10ms}}
`, list(k.Plain())))
	u.append("spool.jsonl", lines(0, some, time.Now()))
	a := u.start()
	w := watch(t, k, "outage-exact")
	if !eventually(t, a, func() bool { return w.count() >= some }) {
		t.Fatal("nothing arrives")
	}
	k.Brokers[0].Kill()
	u.append("spool.jsonl", lines(some, some, time.Now()))
	for _, sink := range []string{"least", "exact"} {
		warning := fmt.Sprintf(`the sink does not take events; they stay in the journal","sink":%q`, sink)
		if !eventually(t, a, func() bool { return a.log.contains(warning) }) {
			t.Errorf("%s does not say that Kafka is away", sink)
		}
	}
	if !eventually(t, a, func() bool { return len(idsIn(t, u.read("out.jsonl"))) >= 2*some }) {
		t.Error("the file waits for Kafka")
	}
	k.Brokers[0].Start()
	k.Ready(1)
	if !eventually(t, a, func() bool { return w.count() >= 2*some }) {
		t.Error("nothing arrives after the outage")
	}
	a.stop(t)
	u.once()
	if repeats := complete(t, "exact", topic.IDs(committed(t, k, "outage-exact")), 2*some); repeats > 0 {
		t.Errorf("exact: %d events are seen twice", repeats)
	}
	t.Logf("at least once: %d repeats", complete(t, "least", topic.IDs(committed(t, k, "outage-least")), 2*some))
}
