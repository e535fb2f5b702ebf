package elasticsearch

import (
	"fmt"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

// patience is how often a batch that was refused as a whole comes again before
// its events are held to be at fault.
const patience = 3

// Between these tries lies firstDoubt, and twice as long each further time that
// nothing gets in, up to longestDoubt: some poison in a quiet stream holds the
// sink up for seconds, a set-up that is wrong for hours costs few events.
const firstDoubt, longestDoubt = time.Second, time.Minute

// suspicion answers the question that the server leaves open when it refuses
// every event of a batch alike: are the events poison, or is the set-up wrong (a
// mapping, a pipeline), so that none can get in and none should be given up?
//
// Its evidence is what else got in:
//
//   - An event that was refused among others that were accepted is at fault.
//   - One that comes alone is at fault unless the verdict before it was a
//     refusal, too: nothing else speaks against the set-up.
//   - Otherwise the set-up is suspected: the batch waits, the operator is told.
//     Were that for ever, two poisoned events in one batch would stall the
//     sink; so after patience rounds one event is taken for the cause, found by
//     halving, and becomes a dead letter. A set-up that is wrong for long thus
//     costs one dead letter every few minutes, which can be retried, not the
//     whole backlog.
type suspicion struct {
	mu      sync.Mutex    // guards what follows
	doubted bool          // the last verdict was a refusal
	strikes int           // verdicts against the set-up since one against an event
	wait    time.Duration // until the next try
}

// accepted notes that at least one event got in.
func (s *suspicion) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubted, s.strikes, s.wait = false, 0, 0
}

// refused notes that all n events of a batch were refused alike, for cause. A
// nil error means that the one event is at fault.
func (s *suspicion) refused(n int, cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case n == 1 && (!s.doubted || s.strikes >= patience):
		s.doubted, s.strikes = true, 0
		return nil
	case s.strikes >= patience:
		return fault.New(fault.Refused, "all_refused", fmt.Errorf("all %d events were refused alike: %w", n, cause))
	}
	s.doubted = true
	s.strikes++
	s.wait = min(max(2*s.wait, firstDoubt), longestDoubt)
	return &fault.Error{Kind: fault.Setup, Reason: "all_refused", After: s.wait,
		Err: fmt.Errorf("every event is refused alike, so the index's mapping or pipeline is probably at fault, not the events (%d sent): %w", n, cause)}
}
