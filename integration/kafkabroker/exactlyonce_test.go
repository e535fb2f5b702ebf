//go:build integration

package kafkabroker

import (
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// Two agents of the same name: the newer one wins, the older one learns what
// was committed in the meantime.
func testZombie(t *testing.T, k *harness.Kafka) {
	create(t, k, "zombie", 3)
	text := section(k.Plain(), "zombie", "exactly_once: true")
	old, young := open(t, text), open(t, text)
	settle(t, old, sinktest.Batch(0, 100, nil))
	through, err := young.(sinks.Resumer).Resume(t.Context(), 0)
	if err != nil || through != 100 {
		t.Fatalf("resume: %d, %v; want 100", through, err)
	}
	b := sinktest.Batch(100, 100, nil)
	if _, err := old.Deliver(t.Context(), b); fault.ReasonOf(err) != "fenced" || fault.KindOf(err) != fault.Retry {
		t.Fatalf("the zombie delivers: %v (%s)", err, fault.ReasonOf(err))
	}
	deliver(t, young, b)
	r, err := old.Deliver(t.Context(), b)
	if err != nil || len(r.Results) != 100 || r.Results[0].Outcome != sinks.Duplicate {
		t.Errorf("the zombie, back: %d results, error %v; want 100 duplicates", len(r.Results), err)
	}
	once(t, committed(t, k, "zombie"), 200)
}

// A replay leaves the cursor alone.
func testReplay(t *testing.T, k *harness.Kafka) {
	create(t, k, "replay", 1)
	text := section(k.Plain(), "replay", "exactly_once: true")
	s := open(t, text)
	settle(t, s, sinktest.Batch(0, 50, nil))
	again := sinktest.Batch(10, 10, nil)
	again.Replay = true
	deliver(t, s, again)
	deliver(t, s, sinktest.Batch(50, 50, nil))
	records := committed(t, k, "replay")
	if len(records) != 110 || topic.Header(records[55], "shiplog_replayed") != "true" {
		t.Errorf("%d records, the 56th with headers %v", len(records), records[55].Headers)
	}
	through, err := open(t, text).(sinks.Resumer).Resume(t.Context(), 0)
	if err != nil || through != 100 {
		t.Errorf("resume: %d, %v; want 100", through, err)
	}
}
