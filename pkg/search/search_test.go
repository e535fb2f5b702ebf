package search_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/search"
)

type ignored struct{}

func (ignored) Appended(int, int, time.Duration) {}
func (ignored) Synced(time.Duration)             {}
func (ignored) Full(bool)                        {}
func (ignored) Damaged(int)                      {}

var start = time.Date(2026, 11, 17, 8, 0, 0, 0, time.UTC)

// record makes event n: one a minute, by four people in turn, every tenth on a
// key.
func record(n int) string {
	action, kind := "user.logged-in", "user"
	if n%10 == 0 {
		action, kind = "api-key.created", "api-key"
	}
	who := []string{"alice", "bob", "carol", "Dave"}[n%4]
	return fmt.Sprintf(`{"id":"00000000-0000-4000-8000-%012d","occurred":%q,"event":"prefect-cloud.%s",`+
		`"resource":{"prefect.resource.id":"prefect-cloud.%s.r%d","prefect.resource.name":"thing %d"},`+
		`"related":[{"prefect.resource.id":"prefect-cloud.actor.a%d","prefect.resource.role":"actor",`+
		`"prefect.resource.name":"%s","prefect-cloud.email":"%s@example.com"}],"payload":{"note":"Grüße %d"}}`,
		n, start.Add(time.Duration(n)*time.Minute).Format(time.RFC3339), action, kind, n, n, n%4, who, who, n)
}

// filled returns a view of a journal of several segments with n events, which
// is written to until the test ends.
func filled(t *testing.T, n int) (*journal.View, func(from, to int)) {
	t.Helper()
	return filledIn(t, t.TempDir(), n)
}

func filledIn(t *testing.T, dir string, n int) (*journal.View, func(from, to int)) {
	t.Helper()
	j, err := journal.Open(dir, journal.Config{SegmentSize: 64 << 10, Compression: "none"},
		journal.Deps{Log: slog.New(slog.DiscardHandler), Metrics: ignored{}, Lost: func(journal.Loss) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	norm, err := normalize.New(normalize.Options{Source: "in", Decoder: "prefect"})
	if err != nil {
		t.Fatal(err)
	}
	add := func(from, to int) {
		t.Helper()
		for from < to {
			b := journal.Batch{Source: "in"}
			for range min(max(7, n/100), to-from) {
				e, _, verdict, _, err := norm.Normalize(&event.Record{Raw: []byte(record(from))}, start, nil)
				if verdict != normalize.Keep {
					t.Fatal(err)
				}
				b.Events = append(b.Events, e.Clone())
				from++
			}
			if _, err := j.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(1, n+1)
	v, err := journal.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v, add
}

func compiled(t *testing.T, text string) *filter.Filter {
	t.Helper()
	f, err := filter.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Event n has sequence n, so the model is a loop.
func TestQueries(t *testing.T) {
	const n = 500
	v, _ := filled(t, n)
	at := func(k int) time.Time { return start.Add(time.Duration(k) * time.Minute) }
	for name, c := range map[string]struct {
		query search.Query
		want  func(k int) bool
	}{
		"all":                       {search.Query{}, func(int) bool { return true }},
		"since is inclusive":        {search.Query{Since: at(490)}, func(k int) bool { return k >= 490 }},
		"until is exclusive":        {search.Query{Until: at(10)}, func(k int) bool { return k < 10 }},
		"a narrow range":            {search.Query{Since: at(100), Until: at(103)}, func(k int) bool { return k >= 100 && k < 103 }},
		"sequences":                 {search.Query{From: 20, To: 30}, func(k int) bool { return k >= 20 && k <= 30 }},
		"action without its prefix": {search.Query{Action: "api-key.*"}, func(k int) bool { return k%10 == 0 }},
		"action whole":              {search.Query{Action: "prefect-cloud.API-key.created"}, func(k int) bool { return k%10 == 0 }},
		"actor by e-mail":           {search.Query{Actor: "dave@example.com"}, func(k int) bool { return k%4 == 3 }},
		"actor by name":             {search.Query{Actor: "DAVE"}, func(k int) bool { return k%4 == 3 }},
		"actor by id":               {search.Query{Actor: "a1"}, func(k int) bool { return k%4 == 1 }},
		"resource by bare id":       {search.Query{Resource: "r77"}, func(k int) bool { return k == 77 }},
		"resource by name":          {search.Query{Resource: "thing 7*"}, func(k int) bool { return k == 7 || k/10 == 7 }},
		"outcome":                   {search.Query{Outcome: "failure"}, func(int) bool { return false }},
		"text":                      {search.Query{Text: "grüße 42"}, func(k int) bool { return k == 42 || k/10 == 42 }},
		"expression":                {search.Query{Where: compiled(t, `event.action endsWith "created" && user.name == "carol"`)}, func(k int) bool { return k%10 == 0 && k%4 == 2 }},
		"since, and further back":   {search.Query{Since: at(1), Actor: "bob"}, func(k int) bool { return k%4 == 1 }},
		"together":                  {search.Query{Action: "user.*", Actor: "bob*", Since: at(50), Until: at(60)}, func(k int) bool { return k%4 == 1 && k%10 != 0 && k >= 50 && k < 60 }},
	} {
		t.Run(name, func(t *testing.T) {
			var want []uint64
			for k := 1; k <= n; k++ {
				if c.want(k) {
					want = append(want, uint64(k))
				}
			}
			var got []uint64
			if err := search.Each(t.Context(), v, c.query, func(e *event.Event) error {
				got = append(got, e.Sequence)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for _, limit := range []int{1, 3, 1000} {
				last, err := search.Last(t.Context(), v, c.query, limit)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := sequences(last), want[max(0, len(want)-limit):]; !slices.Equal(got, want) {
					t.Errorf("last %d: got %v, want %v", limit, got, want)
				}
				first, err := search.First(t.Context(), v, c.query, limit)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := sequences(first), want[:min(len(want), limit)]; !slices.Equal(got, want) {
					t.Errorf("first %d: got %v, want %v", limit, got, want)
				}
			}
		})
	}
}

// brief is a context that ends when it has been asked often enough.
type brief struct {
	context.Context
	left int
}

func (b *brief) Err() error {
	if b.left--; b.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// A search that is ended early says where to go on, and whoever goes on there
// sees everything once, in order.
func TestAStoppedSearchGoesOn(t *testing.T) {
	const n = 25_000
	v, _ := filled(t, n)
	var want []uint64
	for k := uint64(1000); k <= n; k += 1000 {
		want = append(want, k)
	}
	query := search.Query{Resource: "r*000"}
	parts := func(find func(ctx context.Context, q search.Query) ([]event.Event, error), on func(q *search.Query, at uint64), gather func(all, some []uint64) []uint64) {
		t.Helper()
		q, stops := query, 0
		var got []uint64
		for {
			found, err := find(&brief{t.Context(), 70}, q)
			got = gather(got, sequences(found))
			stopped, ok := errors.AsType[*search.Stopped](err)
			if !ok && err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if stops++; stops > 10 {
				t.Fatalf("no end; at %d", stopped.Sequence)
			}
			on(&q, stopped.Sequence)
		}
		if stops == 0 || !slices.Equal(got, want) {
			t.Errorf("in %d parts: got %v, want %v", stops+1, got, want)
		}
	}
	parts(func(ctx context.Context, q search.Query) ([]event.Event, error) { return search.First(ctx, v, q, 100) },
		func(q *search.Query, at uint64) { q.From = at },
		func(all, some []uint64) []uint64 { return append(all, some...) })
	parts(func(ctx context.Context, q search.Query) ([]event.Event, error) { return search.Last(ctx, v, q, 100) },
		func(q *search.Query, at uint64) { q.To = at },
		func(all, some []uint64) []uint64 { return append(some, all...) })
}

// What cannot be read is told of, whatever way the search reads, and nothing of
// what the query's sequences leave out.
func TestLossIsToldOf(t *testing.T) {
	dir := t.TempDir()
	v, _ := filledIn(t, dir, 200)
	damage(t, dir)
	whole := 0
	if err := search.Each(t.Context(), v, search.Query{}, func(*event.Event) error { whole++; return nil }); err != nil {
		t.Fatal(err)
	}
	if whole == 0 || whole == 200 {
		t.Fatalf("%d events can be read: the damage is not what this test needs", whole)
	}
	for name, find := range map[string]func(q search.Query) error{
		"each": func(q search.Query) error {
			return search.Each(t.Context(), v, q, func(*event.Event) error { return nil })
		},
		"last":  func(q search.Query) error { _, err := search.Last(t.Context(), v, q, 1000); return err },
		"first": func(q search.Query) error { _, err := search.First(t.Context(), v, q, 1000); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for _, q := range []search.Query{{}, {Since: start}} {
				lost := uint64(0)
				q.Lost = func(first, next uint64) { lost += next - first }
				if err := find(q); err != nil {
					t.Fatal(err)
				}
				if lost != uint64(200-whole) {
					t.Errorf("%d are told of, want %d", lost, 200-whole)
				}
			}
			q := search.Query{From: 1, To: 2, Lost: func(first, next uint64) { t.Errorf("told of %d to %d", first, next) }}
			if err := find(q); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// damage writes over the middle of the first segment.
func damage(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*.seg"))
	if err != nil || len(names) < 2 {
		t.Fatalf("%d segments, %v", len(names), err)
	}
	f, err := os.OpenFile(names[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 100), 32<<10); err != nil {
		t.Fatal(err)
	}
}

func sequences(events []event.Event) []uint64 {
	out := make([]uint64, 0, len(events))
	for i := range events {
		out = append(out, events[i].Sequence)
	}
	return out
}

func TestFollowGivesWhatComes(t *testing.T) {
	v, add := filled(t, 20)
	ctx, cancel := context.WithCancel(t.Context())
	go add(21, 41)
	var got []uint64
	err := search.Follow(ctx, v, search.Query{Action: "api-key.*"}, 20, func(e *event.Event) error {
		if got = append(got, e.Sequence); len(got) == 2 {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint64{30, 40}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
