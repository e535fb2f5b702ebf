package kafka

import (
	"fmt"
	"testing"

	"github.com/segmentio/kafka-go"

	"github.com/shiplog/shiplog/pkg/event"
)

// Hashes from org.apache.kafka.common.utils.UtilsTest.testMurmur2.
func TestMurmur2IsJavas(t *testing.T) {
	for key, want := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2(key)); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestPartitionIsWhereJavaClientsPutTheKey(t *testing.T) {
	balancer := kafka.Murmur2Balancer{Consistent: true}
	partitions := []int{0, 1, 2, 3, 4, 5, 6}
	for i := range 200 {
		key := fmt.Sprintf("%0*d", i%7, i)
		want := balancer.Balance(kafka.Message{Key: []byte(key)}, partitions...)
		if got := partitionOf(key, len(partitions)); int(got) != want {
			t.Errorf("partitionOf(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestKeyIsNeverEmpty(t *testing.T) {
	e := &event.Event{Envelope: event.Envelope{ID: "id"}}
	for name, field := range keys {
		if got := keyOf(e, field); got != "id" {
			t.Errorf("%s: key %q of an event without the field, want its id", name, got)
		}
	}
}
