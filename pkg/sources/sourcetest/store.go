package sourcetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// ErrFull is what a Store's Emit fails with once it was told to.
var ErrFull = errors.New("sourcetest: the store is full")

// A Store stands in for the journal: it keeps what a source emits, records and
// position together. It may be used from many goroutines.
type Store struct {
	mu       sync.Mutex // guards what follows
	records  []event.Record
	position event.Position
	emits    int
	failAt   int
	grown    chan struct{} // closed when something was stored
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{grown: make(chan struct{})} }

// FailAfter lets the next n calls of Emit pass and fails all that follow. A
// negative n lets all pass.
func (s *Store) FailAfter(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failAt = 0
	if n >= 0 {
		s.failAt = s.emits + n + 1
	}
}

// Emit is a sources.Emit.
func (s *Store) Emit(ctx context.Context, records []event.Record, next event.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emits++
	if s.failAt > 0 && s.emits >= s.failAt {
		return ErrFull
	}
	for _, r := range records {
		r.Raw = slices.Clone(r.Raw)
		s.records = append(s.records, r)
	}
	s.position = s.position.Merge(next)
	close(s.grown)
	s.grown = make(chan struct{})
	return nil
}

// Position returns the whole position that is stored.
func (s *Store) Position() event.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position.Clone()
}

// Records returns what is stored.
func (s *Store) Records() []event.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// Lines returns the raw bytes of the readable records.
func (s *Store) Lines() []string {
	var lines []string
	for _, r := range s.Records() {
		if r.Unreadable == "" {
			lines = append(lines, string(r.Raw))
		}
	}
	return lines
}

// Wait returns true once there are n records, false if ctx ends first.
func (s *Store) Wait(ctx context.Context, n int) bool {
	for {
		s.mu.Lock()
		have, grown := len(s.records), s.grown
		s.mu.Unlock()
		if have >= n {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-grown:
		}
	}
}

// Monitor is a sources.Monitor that remembers the failures it was told. It may
// be used from many goroutines.
type Monitor struct {
	mu       sync.Mutex // guards what follows
	failures []string
	complete time.Time
}

// Connected implements sources.Monitor.
func (m *Monitor) Connected(bool) {}

// Failed implements sources.Monitor.
func (m *Monitor) Failed(reason string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures = append(m.failures, reason)
}

// Complete implements sources.Monitor.
func (m *Monitor) Complete(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.complete = t
}

// Waiting implements sources.Monitor.
func (m *Monitor) Waiting(string, time.Time) {}

// Gauge implements sources.Monitor.
func (m *Monitor) Gauge(string, float64) {}

// Failures returns the reasons told so far.
func (m *Monitor) Failures() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.failures)
}

// Completed returns the last time that everything was said to be emitted.
func (m *Monitor) Completed() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.complete
}
