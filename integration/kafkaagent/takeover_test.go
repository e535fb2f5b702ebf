//go:build integration

package kafkaagent

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/shiplog/shiplog/integration/harness"
)

// Two agents share a topic as one group. One is killed, and the other takes
// over. What the dead one had in its journal and had not delivered comes when
// it is back.
func testTakeover(t *testing.T, k *harness.Kafka) {
	const total = 10_000
	create(t, k, "raw", 4)
	config := fmt.Sprintf(`
data_dir: data
sources:
  bus: {type: kafka, brokers: %s, topics: [raw], group: takeover, session_timeout: 2s, decoder: prefect}
sinks:
  out: {type: file, path: out.jsonl, batch: {max_events: 100, linger: 10ms}}
`, list(k.Plain()))
	victim, heir := newUser(t, config), newUser(t, config)
	killed, other := victim.start(), heir.start()
	got := func(u *user) []string { return idsIn(t, u.read("out.jsonl")) }

	const part = 1000
	for n := 0; n < total; n += part {
		produce(t, k, "raw", n, part)
		if n == total/2 {
			for name, u := range map[string]*user{"victim": victim, "heir": heir} {
				if !eventually(t, other, func() bool { return len(u.read("out.jsonl")) > 0 }) {
					t.Fatalf("the %s reads nothing", name)
				}
			}
			killed.kill()
		}
	}
	drained := func() bool { return lag(t, k, "takeover") == 0 }
	if !eventually(t, other, drained) {
		t.Fatalf("the group is %d records behind", lag(t, k, "takeover"))
	}
	other.stop(t)
	heir.once() // what it has in its journal
	victim.once()

	of, fromHeir := got(victim), got(heir)
	for name, ids := range map[string][]string{"victim": of, "heir": fromHeir} {
		if repeats := len(ids) - len(unique(ids)); repeats > 0 {
			t.Errorf("the %s has journalled %d records twice", name, repeats)
		}
	}
	repeats := complete(t, "the agents together", append(of, fromHeir...), total)
	t.Logf("%d events by the agent that was killed, %d by the other; %d by both", len(of), len(fromHeir), repeats)
}

func unique(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// produce writes events as a collector would.
func produce(t *testing.T, k *harness.Kafka, name string, first, count int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Plain()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	records := make([]*kgo.Record, count)
	for i := range records {
		records[i] = &kgo.Record{Topic: name, Key: []byte(idOf(first + i)), Value: []byte(line(first+i, time.Now(), "by the bus"))}
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// lag is how many records a group has not committed yet.
func lag(t *testing.T, k *harness.Kafka, group string) int64 {
	t.Helper()
	lags, err := k.Admin().Lag(t.Context(), group)
	if err == nil {
		err = lags.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	return lags[group].Lag.Total()
}
