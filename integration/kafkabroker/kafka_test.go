//go:build integration

package kafkabroker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/kafka"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// One broker serves all of these; each has topics of its own.
func TestOneBroker(t *testing.T) {
	k := harness.StartKafka(t, 1)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *harness.Kafka)
	}{
		{"zombie", testZombie},
		{"replay", testReplay},
		{"records", testRecords},
		{"security", testSecurity},
		{"source", testSource},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, k) })
	}
}

// create makes a topic with settings (name=value), and waits for its leaders.
func create(t testing.TB, k *harness.Kafka, name string, partitions int32, settings ...string) {
	t.Helper()
	values := make(map[string]*string)
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		values[key] = &value
	}
	if _, err := k.Admin().CreateTopic(t.Context(), partitions, -1, values, name); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	k.Ready(len(k.Brokers))
}

// section is a sink's config for a topic.
func section(brokers []string, topic string, lines ...string) string {
	return fmt.Sprintf("type: kafka\nbrokers: [%s]\ntopic: %s\n%s", strings.Join(brokers, ", "), topic, strings.Join(lines, "\n"))
}

func open(t testing.TB, text string) sinks.Sink {
	t.Helper()
	s, err := build(text, sinktest.Deps(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.WithoutCancel(t.Context())) })
	return s
}

func build(text string, deps sinks.Deps) (sinks.Sink, error) {
	s, err := config.ParseSection("test.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	spec, err := kafka.Factory().Decode(s)
	if err != nil {
		return nil, err
	}
	return spec.Open(deps)
}

func deliver(t *testing.T, s sinks.Sink, b sinks.Batch) {
	t.Helper()
	if r, err := s.Deliver(t.Context(), b); err != nil || len(r.Results) > 0 {
		t.Fatalf("deliver: %d results, error %v", len(r.Results), err)
	}
}

// settle delivers a batch as a shipper does: again what comes again, after a
// moment.
func settle(t testing.TB, s sinks.Sink, b sinks.Batch) {
	t.Helper()
	var last error
	if !eventually(t, func() bool {
		r, err := s.Deliver(t.Context(), b)
		if last = err; err != nil {
			return false
		}
		var again []sinks.Item
		for _, res := range r.Results {
			switch res.Outcome {
			case sinks.Again:
				again, last = append(again, b.Items[res.Index]), res.Err
			case sinks.Refused:
				t.Errorf("refused: %v", res.Err)
			default:
			}
		}
		b.Items = again
		return len(again) == 0
	}) {
		t.Fatalf("%d events not delivered: %v", len(b.Items), last)
	}
}

// patience is how long something that must happen may take on the slowest machine.
const patience = 5 * time.Minute

// eventually asks until the answer is yes, or its patience is over.
func eventually(t testing.TB, ask func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if ask() {
			return true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}

func committed(t *testing.T, k *harness.Kafka, name string) []*kgo.Record {
	t.Helper()
	return topic.Committed(t, name, kgo.SeedBrokers(k.Plain()...))
}

// once wants the first count events exactly once, and in order within each
// partition.
func once(t *testing.T, records []*kgo.Record, count int) {
	t.Helper()
	last := make(map[int32]string)
	ids := topic.IDs(records)
	for i, r := range records {
		if last[r.Partition] >= ids[i] {
			t.Errorf("partition %d: %s after %s", r.Partition, ids[i], last[r.Partition])
		}
		last[r.Partition] = ids[i]
	}
	slices.Sort(ids)
	if distinct := len(slices.Compact(slices.Clone(ids))); len(ids) != count || distinct != count {
		t.Errorf("%d records of %d events, want %d of %d", len(ids), distinct, count, count)
	}
}

func grant(t testing.TB, k *harness.Kafka, b *kadm.ACLBuilder) {
	t.Helper()
	r, err := k.Admin().CreateACLs(t.Context(), b.Allow("User:"+harness.KafkaUser, "User:CN="+harness.KafkaUser).AllowHosts("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range r {
		if res.Err != nil {
			t.Fatal(res.Err)
		}
	}
}
