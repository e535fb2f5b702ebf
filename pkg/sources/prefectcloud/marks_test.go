package prefectcloud

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

// A position that cannot be gone on from is said, and what can be read is.
func TestMarksThatDoNotFit(t *testing.T) {
	now := time.Now().UTC()
	hour := mark{To: now.Add(time.Hour), From: now.Add(-100 * time.Hour)}
	tests := map[string]struct {
		live    mark
		sweep   mark
		add     time.Time
		failure string
	}{
		"in the future, since the clocks were ahead": {
			live: mark{To: now.Add(90 * time.Hour), From: now.Add(-100 * time.Hour)}, sweep: hour,
			add: now.Add(-20 * time.Hour), failure: "clock",
		},
		"before the retention, since the key was expired for so long": {
			live: mark{To: now.Add(-20 * 24 * time.Hour), From: now.Add(-30 * 24 * time.Hour)}, sweep: hour,
			add: now.Add(-6 * 24 * time.Hour), failure: "retention",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := cloudtest.Start(t, cloudtest.Options{Account: accountA, Key: "key", RetentionDays: 7})
			server.Add(cloudtest.Events(0, 100, test.add, time.Minute)...)
			c := defaults()
			c.APIURL, c.AccountID, c.APIKey = server.Base, accountA, config.NewSecret("key")
			c.RequestsPerMinute, c.Mode = 600_000, "poll"
			monitor := new(sourcetest.Monitor)
			opened, err := open(c, sources.Deps{Once: true, Log: slog.New(slog.DiscardHandler), Monitor: monitor})
			if err != nil {
				t.Fatal(err)
			}
			src, ok := opened.(*source)
			if !ok {
				t.Fatal("another source")
			}
			src.pace.longAway = 1000 * time.Hour // it ran all the time
			store := sourcetest.NewStore()
			feed := "account/" + accountA
			position := event.Position{feed: test.live.encode(), feed + "/sweep/1h0m0s": test.sweep.encode()}
			if err := src.Run(context.WithoutCancel(t.Context()), position, store.Emit); err != nil {
				t.Fatal(err)
			}
			if got := len(store.Records()); got != 100 || !slices.Contains(monitor.Failures(), test.failure) {
				t.Errorf("got %d events, want 100; failures %v, want %s", got, monitor.Failures(), test.failure)
			}
			m, err := decodeMark(feed, store.Position()[feed])
			if err != nil || m.To.After(time.Now()) || m.To.Before(now.Add(-time.Minute)) {
				t.Errorf("the watermark is at %s, %v, want now", m.To, err)
			}
		})
	}
}

// Whatever minute one looks at, it has no more requests than are allowed.
func TestBudgetHoldsInEveryMinute(t *testing.T) {
	for _, perMinute := range []int{1, 2, 7, 60, 600} {
		budget := newBudget(perMinute)
		var allowed []time.Time
		at := time.Now()
		for range 4 * 60 * 100 {
			for budget.AllowN(at, 1) {
				allowed = append(allowed, at)
			}
			at = at.Add(10 * time.Millisecond)
		}
		for i, from := range allowed {
			if last := i + perMinute; last < len(allowed) && allowed[last].Sub(from) < time.Minute {
				t.Fatalf("%d a minute: %d requests within %s", perMinute, perMinute+1, allowed[last].Sub(from))
			}
		}
		if least := 4 * perMinute * 8 / 10; len(allowed) < least {
			t.Errorf("%d a minute: %d requests in four, want %d at least", perMinute, len(allowed), least)
		}
	}
}

// Large events are held in bytes that are bounded, not only in number.
func TestStreamQueueIsBoundedInBytes(t *testing.T) {
	q := queue{items: make(chan item, streamQueue), room: make(chan struct{}, 1)}
	large := item{raw: make([]byte, 1_500_000)}
	ctx, cancel := context.WithCancel(t.Context())
	put := make(chan int)
	go func() {
		n := 0
		for q.put(ctx, large) == nil {
			n++
			put <- n
		}
		close(put)
	}()
	n := 0
	for q.held.Load() <= streamHeld {
		n = <-put
	}
	if most := streamHeld/len(large.raw) + 1; n > most {
		t.Errorf("%d events are held, want %d at most", n, most)
	}
	q.stored([]item{<-q.items, <-q.items})
	<-put // there is room again
	cancel()
	for range put {
	}
}

// What was read beyond a mark that stayed is known until the mark has passed all
// of it, also after a restart that reads it page by page.
func TestMarkKnowsWhatIsBeyondIt(t *testing.T) {
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	items := make([]item, 6)
	for i := range items {
		items[i] = item{raw: []byte{byte('a' + i)}, occurred: at.Add(time.Duration(i/2) * time.Second)}
	}
	m := mark{To: at, End: at.Add(time.Hour)}
	m.advance(items, at) // pages overlapped: it stays
	m, err := decodeMark("x", m.encode())
	if err != nil {
		t.Fatal(err)
	}
	for i := range items {
		if again := m.after([]item{items[i]}); len(again) > 0 {
			t.Errorf("event %d is read twice", i)
		}
		m.advance(nil, items[i].occurred)
	}
	m.advance(nil, at.Add(time.Minute))
	if len(m.Edge) > 0 || !m.Far.IsZero() {
		t.Errorf("%d events are still known, far beyond them", len(m.Edge))
	}
}
