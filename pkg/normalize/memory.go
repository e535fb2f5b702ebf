package normalize

import (
	"crypto/sha256"
	"strings"
)

// What the detections with a memory keep at most, each: what was not met for
// longest goes first.
const (
	maxRemembered = 1 << 16
	maxBursts     = 1 << 12
	maxKey        = 256 // bytes; of what is longer, the hash is kept
)

// A memory holds values by key, in bounded memory: two generations, of which the
// older goes when the younger is full. What is asked for stays young.
type memory[T any] struct {
	young, old map[string]*T
	max        int // of a generation
}

func newMemory[T any](most int) *memory[T] {
	return &memory[T]{young: map[string]*T{}, max: most / 2}
}

// get gives the value of a key, fresh says that it was not there. The key is
// copied.
func (m *memory[T]) get(key string) (v *T, fresh bool) {
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(key))
		key = string(sum[:])
	}
	if v = m.young[key]; v != nil {
		return v, false
	}
	v = m.old[key]
	if fresh = v == nil; fresh {
		v = new(T)
	}
	if len(m.young) >= m.max {
		m.young, m.old = map[string]*T{}, m.young
	}
	m.young[strings.Clone(key)] = v
	return v, fresh
}
