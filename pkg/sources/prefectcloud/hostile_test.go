package prefectcloud_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

// Whatever goes wrong, the ids in the store are those on the server, once each.
func TestHostileService(t *testing.T) {
	recent := func() time.Time { return time.Now().Add(-10 * time.Minute) }
	spread := func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 1000, recent(), 500*time.Millisecond)...) }
	every := func(k int, f cloudtest.Fault) func(*cloudtest.Server) {
		return func(s *cloudtest.Server) {
			spread(s)
			s.Script(func(n int, _ *http.Request) cloudtest.Fault {
				if n%k == 0 {
					return f
				}
				return cloudtest.None
			})
		}
	}
	tests := map[string]struct {
		options  cloudtest.Options
		settings string
		setUp    func(*cloudtest.Server)
	}{
		"nothing wrong":                  {setUp: spread},
		"one instant":                    {setUp: func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 1000, recent(), 0)...) }},
		"one instant, order of no worth": {options: cloudtest.Options{Shuffle: true}, setUp: func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 1000, recent(), 0)...) }},
		"an instant over a page's edge": {options: cloudtest.Options{Shuffle: true}, setUp: func(s *cloudtest.Server) {
			s.Add(cloudtest.Events(0, 150, recent(), time.Millisecond)...)
			s.Add(cloudtest.Events(1000, 1000, recent().Add(time.Second), 0)...)
			s.Add(cloudtest.Events(3000, 150, recent().Add(2*time.Second), time.Millisecond)...)
		}},
		"more than the offset ceiling":                {setUp: func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 12_000, recent(), 10*time.Millisecond)...) }},
		"more than the ceiling at one instant":        {setUp: func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 7000, recent(), 0)...) }},
		"pages that break off":                        {setUp: every(3, cloudtest.Truncated())},
		"connections that are reset":                  {setUp: every(3, cloudtest.Reset())},
		"a server error now and then":                 {setUp: every(2, cloudtest.Status(http.StatusInternalServerError))},
		"a proxy's page now and then":                 {setUp: every(2, cloudtest.HTML())},
		"a storm of 429":                              {setUp: every(2, cloudtest.TooMany(0.01))},
		"answers that never end":                      {settings: "timeout: 1s", setUp: every(4, cloudtest.Stalled())},
		"a next page at another host":                 {setUp: every(1, cloudtest.ForeignCursor("internal.example"))},
		"a cursor that repeats at times":              {setUp: every(3, cloudtest.RepeatedCursor())},
		"a page that says it is the last, and is not": {setUp: every(4, cloudtest.NoNext())},
		"pages that do not say how many there are": {setUp: func(s *cloudtest.Server) {
			s.Add(cloudtest.Events(0, 12_000, recent(), 10*time.Millisecond)...)
			s.Script(func(int, *http.Request) cloudtest.Fault { return cloudtest.NoTotal() })
		}},
		"a clock that is an hour behind": {setUp: func(s *cloudtest.Server) {
			s.SetSkew(-time.Hour)
			s.Add(cloudtest.Events(0, 300, time.Now().Add(-70*time.Minute), time.Second)...)
		}},
		"a clock that is an hour ahead": {setUp: func(s *cloudtest.Server) {
			s.SetSkew(time.Hour)
			s.Add(cloudtest.Events(0, 300, time.Now().Add(40*time.Minute), time.Second)...)
		}},
		"a producer's clock that is ahead": {setUp: func(s *cloudtest.Server) {
			s.Add(cloudtest.Events(0, 300, time.Now().Add(30*time.Minute), time.Second)...)
		}},
		"a self-hosted server's page size": {options: cloudtest.Options{Account: "-"}, settings: "account_id: \"\"\nauth_string: " + key, setUp: spread},
		"months of history": {settings: "start: 90d", setUp: func(s *cloudtest.Server) {
			s.Add(cloudtest.Events(0, 2000, time.Now().Add(-80*24*time.Hour), time.Hour*24*80/2000)...)
		}},
		"more history than the plan keeps": {options: cloudtest.Options{RetentionDays: 30}, settings: "start: beginning", setUp: func(s *cloudtest.Server) {
			s.Add(cloudtest.Events(0, 100, time.Now().Add(-29*24*time.Hour), time.Hour)...)
		}},
		"history of a plan that cannot be asked": {settings: "start: beginning", setUp: func(s *cloudtest.Server) {
			s.Add(cloudtest.Events(0, 100, time.Now().Add(-200*24*time.Hour), time.Hour)...)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := test.options
			o.Key = key
			switch o.Account {
			case "":
				o.Account = account
			case "-":
				o.Account = ""
			}
			server := cloudtest.Start(t, o)
			test.setUp(server)
			store := sourcetest.NewStore()
			d := &dedup{seen: make(map[string]bool)}
			src := d.wrap(open(t, with(fast(server.Base), test.settings), sources.Deps{Once: true}))
			if err := src.Run(t.Context(), nil, store.Emit); err != nil {
				t.Fatalf("Run: %v", err)
			}
			if got, want := idsOf(store), server.IDs(); !slices.Equal(got, want) {
				t.Errorf("got %d events, want %d", len(got), len(want))
			}
			for _, q := range server.Queries() {
				if q.Since.IsZero() || q.Until.IsZero() || q.Order == "" {
					t.Errorf("a query without both bounds and an order: %+v", q)
				}
			}
		})
	}
}

// A backfill that is killed after any number of stores goes on without loss and
// without handing anything over twice, with no memory of ids but its position.
func TestBackfillResumesExactly(t *testing.T) {
	for name, shuffle := range map[string]bool{"in order": false, "where the order at an instant is of no worth": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key, Shuffle: shuffle})
			old := time.Now().Add(-60 * 24 * time.Hour)
			server.Add(cloudtest.Events(0, 700, old, 0)...)
			server.Add(cloudtest.Events(1000, 900, old.Add(time.Second), time.Hour)...)
			server.Add(cloudtest.Events(2000, 450, old.Add(48*time.Hour), 0)...)
			server.Add(cloudtest.Events(3000, 300, old.Add(48*time.Hour+time.Second), time.Millisecond)...)
			server.Add(cloudtest.Events(4000, 250, old.Add(72*time.Hour), 0)...)
			server.Add(cloudtest.Events(5000, 250, old.Add(73*time.Hour), 0)...)
			settings := with(fast(server.Base), "start: 90d\noverlap: 0s")
			store := sourcetest.NewStore()
			for range 200 {
				store.FailAfter(2)
				src := open(t, settings, sources.Deps{Once: true})
				err := src.Run(t.Context(), store.Position(), store.Emit)
				if err == nil {
					break
				}
			}
			if got, want := idsOf(store), server.IDs(); !slices.Equal(got, want) {
				t.Errorf("got %d events, want %d", len(got), len(want))
			}
		})
	}
}

// What arrives after its window was read is found by a sweep, and marked.
func TestSweepFindsLateEvents(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	store := sourcetest.NewStore()
	d := &dedup{seen: make(map[string]bool)}
	start(t, d.wrap(open(t, with(fast(server.Base), "overlap: 0s\nsweeps: [2s]\nstart: now"), sources.Deps{})), store)
	polled := func() {
		t.Helper()
		before := len(server.Queries())
		eventually(t, "poll", func() bool { return len(server.Queries()) >= before+2 }) // one whole
	}
	polled()
	at := time.Now()
	server.Add(cloudtest.Events(0, 5, at, time.Microsecond)...)
	wait(t, store, 5)
	polled()
	server.Add(cloudtest.Events(10, 5, at, time.Microsecond)...)
	wait(t, store, 10)
	late := 0
	for _, r := range store.Records() {
		if r.Late {
			late++
		}
	}
	if late != 5 {
		t.Errorf("%d records are marked late, want 5", late)
	}
}

// A key that expired is asked for again, and the events come once it is renewed.
func TestExpiredKey(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	store := sourcetest.NewStore()
	monitor := new(sourcetest.Monitor)
	d := &dedup{seen: make(map[string]bool)}
	start(t, d.wrap(open(t, fast(server.Base), sources.Deps{Monitor: monitor})), store)
	server.Add(cloudtest.Events(0, 5, time.Now(), time.Millisecond)...)
	wait(t, store, 5)
	server.SetKey("another")
	server.Add(cloudtest.Events(10, 5, time.Now(), time.Millisecond)...)
	eventually(t, "a failure", func() bool { return slices.Contains(monitor.Failures(), "status_401") })
	server.SetKey(key)
	wait(t, store, 10)
}

// The credentials go to the configured host alone.
func TestCredentialsStayAtHome(t *testing.T) {
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked, with the header %q", r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	server.Add(cloudtest.Events(0, 500, time.Now().Add(-time.Minute), time.Millisecond)...)
	server.Script(func(int, *http.Request) cloudtest.Fault {
		return cloudtest.ForeignCursor(thief.Listener.Addr().String())
	})
	store := sourcetest.NewStore()
	once(t, fast(server.Base), store)
	if got := len(idsOf(store)); got != 500 {
		t.Errorf("got %d events, want 500", got)
	}
}

// What is handed on is what the service sent, byte for byte.
func TestRecordsAreExact(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	raw := `{"payload": {"n": 9007199254740993,  "é": "\u00e9"}, "id":"a1","event":"prefect-cloud.user.logged-in",
 "occurred":"` + time.Now().UTC().Add(-time.Second).Format(time.RFC3339Nano) + `"}`
	server.Add(cloudtest.Event{ID: "a1", Name: "prefect-cloud.user.logged-in", Occurred: time.Now().Add(-time.Second), Raw: []byte(raw)})
	store := sourcetest.NewStore()
	once(t, fast(server.Base), store)
	records := store.Records()
	if len(records) != 1 || string(records[0].Raw) != raw {
		t.Fatalf("got %q, want %q", store.Lines(), raw)
	}
	if s := records[0].Scope; s == nil || s.Account != account {
		t.Errorf("got scope %+v, want the account", s)
	}
}

// The budget holds for everything together.
func TestRequestBudget(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	server.Add(cloudtest.Events(0, 2000, time.Now().Add(-time.Hour), time.Second)...)
	began := time.Now()
	store := sourcetest.NewStore()
	once(t, with(fast(server.Base), "requests_per_minute: 600"), store) // 10 a second, 100 at once
	elapsed := time.Since(began)
	if allowed := 101 + int(10*elapsed.Seconds()); server.Requests() > allowed {
		t.Errorf("%d requests in %s, want %d at most", server.Requests(), elapsed, allowed)
	}
}

// A busy overlap is not read page by page at every poll: one question shows that
// nothing came late, and what does come late is found all the same.
func TestBusyOverlapCostsOneQuestion(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	store := sourcetest.NewStore()
	start(t, open(t, with(fast(server.Base), "overlap: 10m\nstart: now"), sources.Deps{}), store)
	eventually(t, "poll", func() bool { return server.Requests() > 0 })
	at := time.Now()
	server.Add(cloudtest.Events(0, 3000, at, time.Microsecond)...)
	wait(t, store, 3000)
	before := len(server.Queries())
	server.Script(nil) // counts requests from here
	eventually(t, "ten polls", func() bool { return len(server.Queries()) >= before+20 })
	requests := server.Requests()
	if queries := len(server.Queries()) - before; requests > queries+10 {
		t.Errorf("%d requests for %d queries, two a poll: want no more pages", requests, queries)
	}
	server.Add(cloudtest.Events(5000, 5, at, time.Microsecond)...)
	wait(t, store, 3005)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no %s", what)
		}
	}
}
