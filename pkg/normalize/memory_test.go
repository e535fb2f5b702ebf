package normalize

import (
	"strconv"
	"strings"
	"testing"
)

// A memory is bounded, forgets what was not met for long, and keeps what is asked
// for.
func TestMemoryForgetsWhatIsNotMet(t *testing.T) {
	const most = 100
	m := newMemory[int](most)
	m.get("often")
	m.get("once")
	for i := range 10 * most {
		if _, fresh := m.get(strconv.Itoa(i)); !fresh {
			t.Fatalf("%d was not met before", i)
		}
		if size := len(m.young) + len(m.old); size > most {
			t.Fatalf("it holds %d, more than %d", size, most)
		}
		if _, fresh := m.get("often"); fresh {
			t.Fatalf("what is met often is forgotten, after %d", i)
		}
	}
	if _, fresh := m.get("once"); !fresh {
		t.Error("what was met once is kept for ever")
	}
}

// Ids are anybody's, and may be long: a memory holds no more than a bound of each.
func TestMemoryBoundsKeys(t *testing.T) {
	m := newMemory[int](100)
	long := strings.Repeat("x", 1<<20)
	for _, key := range []string{long, long + "y"} {
		if _, fresh := m.get(key); !fresh {
			t.Error("two long keys are taken for one")
		}
	}
	if _, fresh := m.get(long); fresh {
		t.Error("a long key is not met again")
	}
	for key := range m.young {
		if len(key) > maxKey {
			t.Errorf("a key of %d bytes is kept", len(key))
		}
	}
}
