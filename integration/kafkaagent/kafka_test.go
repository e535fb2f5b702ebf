//go:build integration

package kafkaagent

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
)

// One broker serves all of these; each has topics of its own.
func TestOneBroker(t *testing.T) {
	k := harness.StartKafka(t, 1, "listener.name.scram.scram-sha-512.connections.max.reauth.ms=1500")
	for _, test := range []struct {
		name string
		run  func(*testing.T, *harness.Kafka)
	}{
		{"delivery", testDelivery},
		{"too large", testTooLarge},
		{"exactly once across kills", testKills},
		{"journal lost", testJournalLost},
		{"takeover", testTakeover},
		{"rights", testRights},
		{"rotation", testRotation},
		{"outage", testOutage},
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

// list writes addresses as the config wants them.
func list(brokers []string) string { return "[" + strings.Join(brokers, ", ") + "]" }

func committed(t *testing.T, k *harness.Kafka, name string) []*kgo.Record {
	t.Helper()
	return topic.Committed(t, name, kgo.SeedBrokers(k.Plain()...))
}

// grant gives the user that logs in rights.
func grant(t testing.TB, k *harness.Kafka, b *kadm.ACLBuilder) {
	t.Helper()
	r, err := k.Admin().CreateACLs(t.Context(), b.ResourcePatternType(kadm.ACLPatternLiteral).
		Allow("User:"+harness.KafkaUser).AllowHosts("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range r {
		if res.Err != nil {
			t.Fatal(res.Err)
		}
	}
}
