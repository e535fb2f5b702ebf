package sinktest

import (
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// Destination is the far side of the sink under test. Its methods are called
// while requests arrive.
type Destination interface {
	// Open returns a new sink that delivers here. The suite closes it.
	Open(t *testing.T, deps sinks.Deps) sinks.Sink

	// Accepted returns the ids of the events that were taken in for good, in
	// the order in which they were. An id that was taken twice is there twice,
	// unless the destination can tell.
	Accepted() []string

	// Meet makes every request from now on meet the condition.
	Meet(Condition)

	// Mark makes the destination treat one event in its own way: with Refused
	// it never takes it, with Again it does not take it the first time.
	Mark(id string, outcome sinks.Outcome)

	// Hang makes every request from now on go unanswered until its sender goes
	// away. The channel receives when one has arrived.
	Hang() <-chan struct{}
}

// Condition is the state that a destination is in.
type Condition uint8

// The conditions.
const (
	// Healthy: it takes what it is sent.
	Healthy Condition = iota

	// Busy: it takes nothing now, and asks to be asked again in Wait.
	Busy

	// Small: it refuses every request of more than one event as too large.
	Small

	// Locked: it does not know our credentials.
	Locked

	// Unready: it is not set up to take the events.
	Unready
)

// Ability is something that not every destination can do or show.
type Ability string

// The abilities, each named for the test that needs it.
const (
	Retry       Ability = "retry"       // it can be Busy
	Wait        Ability = "wait"        // and then says for how long
	TooLarge    Ability = "too large"   // it can be Small
	Credentials Ability = "credentials" // it can be Locked
	Setup       Ability = "setup"       // it can be Unready
	Refuse      Ability = "refuse"      // it refuses single events
	Partial     Ability = "partial"     // it puts off single events
	Cancel      Ability = "cancel"      // its requests can Hang
	Duplicates  Ability = "duplicates"  // it recognises what it has
	Requests    Ability = "requests"    // its sink reports requests to the Monitor
)

// Suite is one kind of sink, ready to be tested.
type Suite struct {
	// New starts a fresh destination, which ends with the test.
	New func(t *testing.T) Destination

	// Lacks names the abilities that the destination has not, each with the
	// reason: the tests that need one are skipped with it.
	Lacks map[Ability]string

	// Body encodes an event as the sink expects it. Nil: in ECS.
	Body func(e *event.Event, number uint64) []byte
}

func (s Suite) need(t *testing.T, abilities ...Ability) {
	t.Helper()
	for _, a := range abilities {
		if why, lacks := s.Lacks[a]; lacks {
			t.Skipf("no %s: %s", a, why)
		}
	}
}
