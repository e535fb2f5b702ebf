package kafka

import (
	"maps"
	"slices"

	"github.com/shiplog/shiplog/pkg/event"
)

// keys are the fields that a record can be keyed by.
var keys = map[string]func(*event.Event) string{
	"event.id":        func(e *event.Event) string { return e.ID },
	"event.action":    func(e *event.Event) string { return e.Action },
	"event.outcome":   func(e *event.Event) string { return e.Outcome.String() },
	"user.name":       func(e *event.Event) string { return e.Actor },
	"user.id":         func(e *event.Event) string { return e.ActorID },
	"organization.id": func(e *event.Event) string { return e.Account },
	"id":              func(e *event.Event) string { return e.ID },
	"action":          func(e *event.Event) string { return e.Action },
	"actor":           func(e *event.Event) string { return e.Actor },
	"account":         func(e *event.Event) string { return e.Account },
	"workspace":       func(e *event.Event) string { return e.Workspace },
	"resource":        func(e *event.Event) string { return e.Resource },
	"outcome":         func(e *event.Event) string { return e.Outcome.String() },
	"severity":        severityOf,
	"source":          func(e *event.Event) string { return e.Source },
}

func severityOf(e *event.Event) string {
	if e.Severity == 0 {
		return ""
	}
	return e.Severity.String()
}

// byID says whether a key field is the event's id: no two events have the same.
func byID(key string) bool { return key == "event.id" || key == "id" }

func keyNames() []string { return slices.Sorted(maps.Keys(keys)) }

// keyOf returns the value of an event's key field, and its id where that is
// empty: without a key there is no order.
func keyOf(e *event.Event, field func(*event.Event) string) string {
	if k := field(e); k != "" {
		return k
	}
	return e.ID
}

// partitionOf chooses the partition as Java's default partitioner does, so that
// a key lands where other producers put it.
func partitionOf(key string, partitions int) int32 {
	return int32(murmur2(key)&0x7fffffff) % int32(partitions) //nolint:gosec // 31 bits, and Kafka counts partitions in 32
}

// murmur2 is the 32 bit hash of org.apache.kafka.common.utils.Utils.murmur2.
func murmur2(key string) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
	)
	h := uint32(seed) ^ uint32(len(key)) //nolint:gosec // a key is never that long
	for len(key) >= 4 {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
		key = key[4:]
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(key[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
