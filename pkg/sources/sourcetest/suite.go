package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shiplog/shiplog/pkg/leaktest"
	"github.com/shiplog/shiplog/pkg/sources"
)

// A Subject is a place that sources of the kind under test read from.
type Subject interface {
	// Add makes records available upstream, in order. Each is a JSON object
	// without a line break.
	Add(t *testing.T, records []string)

	// Open returns a new source that reads the place.
	Open(t *testing.T, once bool) sources.Source
}

// patience is how long something that must happen may take on the slowest machine.
const patience = 5 * time.Minute

// Run runs the suite, each test on a place of its own.
func Run(t *testing.T, place func(t *testing.T) Subject) {
	tests := map[string]func(t *testing.T, s Subject){
		"once returns nil when everything is emitted": testOnce,
		"once on an empty place returns nil":          testOnceEmpty,
		"ends when its context ends":                  testEnds,
		"resumes without loss or repeat":              testResumes,
		"stops on an emit error and resumes":          testEmitError,
		"new records are read while it runs":          testFollows,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer leaktest.Ended(t, goleak.IgnoreCurrent())
			test(t, place(t))
		})
	}
}

// Lines makes n distinct records.
func Lines(from, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"id":"00000000-0000-4000-8000-%012d","event":"prefect-cloud.user.logged-in",`+
			`"occurred":"2026-11-02T08:00:00Z","resource":{"prefect.resource.id":"prefect-cloud.user.%d"}}`, from+i, from+i)
	}
	return lines
}

func testOnce(t *testing.T, s Subject) {
	want := Lines(0, 500)
	s.Add(t, want)
	store := NewStore()
	if err := s.Open(t, true).Run(t.Context(), nil, store.Emit); err != nil {
		t.Fatalf("Run: %v", err)
	}
	same(t, store, want)
}

func testOnceEmpty(t *testing.T, s Subject) {
	store := NewStore()
	if err := s.Open(t, true).Run(t.Context(), nil, store.Emit); err != nil {
		t.Fatalf("Run: %v", err)
	}
	same(t, store, nil)
}

func testEnds(t *testing.T, s Subject) {
	s.Add(t, Lines(0, 10))
	store := NewStore()
	stop := start(t, s.Open(t, false), store)
	wait(t, store, 10)
	if err := stop(); err != nil {
		t.Errorf("Run returned %v when its context ended, want nil", err)
	}
}

func testFollows(t *testing.T, s Subject) {
	want := Lines(0, 50)
	store := NewStore()
	stop := start(t, s.Open(t, false), store)
	for i := 0; i < len(want); i += 10 {
		s.Add(t, want[i:i+10])
		wait(t, store, i+10)
	}
	if err := stop(); err != nil {
		t.Fatalf("Run: %v", err)
	}
	same(t, store, want)
}

func testResumes(t *testing.T, s Subject) {
	store := NewStore()
	var want []string
	for i := range 5 {
		stop := start(t, s.Open(t, false), store)
		more := Lines(1000*i, 100)
		s.Add(t, more)
		want = append(want, more...)
		wait(t, store, len(want))
		if err := stop(); err != nil {
			t.Fatalf("Run: %v", err)
		}
		more = Lines(1000*i+500, 100) // while it is down
		s.Add(t, more)
		want = append(want, more...)
	}
	if err := s.Open(t, true).Run(t.Context(), store.Position(), store.Emit); err != nil {
		t.Fatalf("Run: %v", err)
	}
	same(t, store, want)
}

func testEmitError(t *testing.T, s Subject) {
	var want []string
	store := NewStore()
	for i := range 4 {
		more := Lines(10000*i, 2000)
		s.Add(t, more)
		want = append(want, more...)
		store.FailAfter(0)
		err := s.Open(t, false).Run(t.Context(), store.Position(), store.Emit)
		if !errors.Is(err, ErrFull) {
			t.Fatalf("Run returned %v, want the error of emit", err)
		}
		store.FailAfter(-1)
		if err := s.Open(t, true).Run(t.Context(), store.Position(), store.Emit); err != nil {
			t.Fatalf("Run: %v", err)
		}
	}
	same(t, store, want)
}

// start runs a source in the background; the function it returns ends it and
// returns what Run returned.
func start(t *testing.T, src sources.Source, store *Store) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- src.Run(ctx, store.Position(), store.Emit) }()
	return func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Fatal("Run did not return after its context ended")
			return nil
		}
	}
}

func wait(t *testing.T, store *Store, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !store.Wait(ctx, n) {
		t.Fatalf("got %d records, want %d", len(store.Records()), n)
	}
}

// same compares what is stored with what was made, without regard to order.
func same(t *testing.T, store *Store, want []string) {
	t.Helper()
	got := store.Lines()
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("got %d records, want %d; %s", len(got), len(want), firstDifference(got, want))
	}
}

// firstDifference says which record is the first one lost or repeated; both
// lists are sorted.
func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return "lost " + want[i]
		case i >= len(want):
			return "too many: " + got[i]
		case got[i] < want[i]:
			return "too many: " + got[i]
		case got[i] > want[i]:
			return "lost " + want[i]
		}
	}
	return "no difference"
}
