package prefectcloud_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

// twins are events of one id that say different things.
func twins(n int, at time.Time) []cloudtest.Event {
	all := cloudtest.Events(0, n, at, 0)
	for i := range all {
		all[i].ID = all[0].ID
		all[i].Raw = fmt.Appendf(nil, `{"id":%q,"event":%q,"occurred":%q,"payload":{"n":%d}}`,
			all[i].ID, all[i].Name, all[i].Occurred.Format(time.RFC3339Nano), i)
	}
	return all
}

// Events of one id that say different things are all handed on, be they on one
// page or on many, polled or read as the past.
func TestTwinsAreAllHandedOn(t *testing.T) {
	for name, at := range map[string]time.Duration{"polled": 0, "of the past": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
			server.Add(twins(450, time.Now().Add(at))...)
			store := sourcetest.NewStore()
			if err := open(t, fast(server.Base), sources.Deps{Once: true}).Run(t.Context(), nil, store.Emit); err != nil {
				t.Fatal(err)
			}
			lines := store.Lines()
			slices.Sort(lines)
			if got := len(slices.Compact(lines)); got != 450 {
				t.Errorf("got %d different events, want 450", got)
			}
		})
	}
}

// A workspace that cannot be read holds up no other.
func TestRefusedWorkspaceHoldsUpNoOther(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	const closed, free = "0b0b0b0b-0000-4000-8000-000000000001", "0b0b0b0b-0000-4000-8000-000000000002"
	server.Script(func(_ int, r *http.Request) cloudtest.Fault {
		if strings.Contains(r.URL.Path, closed) {
			return cloudtest.Status(http.StatusForbidden)
		}
		return cloudtest.None
	})
	add := func(first int, at time.Time) {
		events := cloudtest.Events(first, 5, at, time.Millisecond)
		for i := range events {
			events[i].Workspace = free
		}
		server.Add(events...)
	}
	add(0, time.Now().Add(-time.Hour))
	store, monitor := sourcetest.NewStore(), new(sourcetest.Monitor)
	d := &dedup{seen: make(map[string]bool)}
	start(t, d.wrap(open(t, with(fast(server.Base), "workspace_ids: ["+closed+", "+free+"]"), sources.Deps{Monitor: monitor})), store)
	wait(t, store, 5)
	add(10, time.Now())
	wait(t, store, 10)
	eventually(t, "word of the refusal", func() bool { return slices.Contains(monitor.Failures(), "status_403") })
}

// A clock of the service that is ahead for a while makes nothing be passed over.
func TestClockThatIsAheadForAWhile(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	store := sourcetest.NewStore()
	d := &dedup{seen: make(map[string]bool)}
	server.SetSkew(40 * 24 * time.Hour)
	start(t, d.wrap(open(t, with(fast(server.Base), "sweeps: [1h]"), sources.Deps{})), store)
	server.Add(cloudtest.Events(0, 5, time.Now(), time.Millisecond)...)
	wait(t, store, 5)
	server.SetSkew(0)
	server.Add(cloudtest.Events(10, 5, time.Now(), time.Millisecond)...)
	wait(t, store, 10)
}

// While the service wants to be left alone, no feed asks it for anything.
func TestRetryAfterHoldsForAllFeeds(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	var mu sync.Mutex
	var until time.Time
	early, refusals := 0, 0
	server.Script(func(n int, _ *http.Request) cloudtest.Fault {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		switch {
		case now.Before(until):
			early++
		case n >= 20 && n%20 == 0:
			refusals++
			until = now.Add(250 * time.Millisecond)
			return cloudtest.TooMany(0.3)
		}
		return cloudtest.None
	})
	workspaces := "workspace_ids: [w1, w2, w3]\nrequests_per_minute: 3000"
	start(t, open(t, with(fast(server.Base), workspaces), sources.Deps{}), sourcetest.NewStore())
	eventually(t, "three refusals", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return refusals >= 3
	})
	mu.Lock()
	defer mu.Unlock()
	if early > 2*refusals { // those that were on their way already
		t.Errorf("%d requests came while the service wanted none, after %d refusals", early, refusals)
	}
}
