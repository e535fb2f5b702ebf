package prefectcloud

import (
	"net/http"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
)

const quick = "poll_interval: 100ms, overlap: 5m, sweeps: [], start: 26h, mode: poll, timeout: 1m"

// Each row adds events and does harm while the agent runs, is stopped and
// started again. In the end everything is in the journal once.
func TestJournalHasWhatTheServerHas(t *testing.T) {
	now := func() time.Time { return time.Now().Add(-time.Second) }
	often := func(s *cloudtest.Server, k int, f cloudtest.Fault) {
		s.Script(func(n int, _ *http.Request) cloudtest.Fault {
			if n%k == 0 {
				return f
			}
			return cloudtest.None
		})
	}
	tests := map[string]struct {
		settings string
		shuffle  bool
		steps    []func(*cloudtest.Server) // the agent is restarted before each but the first
	}{
		"late by minutes": {quick, false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 300, now(), time.Millisecond)...) },
			func(s *cloudtest.Server) {
				s.Add(cloudtest.Events(1000, 300, now().Add(-4*time.Minute), time.Millisecond)...)
			},
		}},
		"later than the overlap": {"poll_interval: 100ms, overlap: 100ms, sweeps: [5s, 15s], start: 3h, mode: poll", false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) {
				s.Add(cloudtest.Events(0, 300, now().Add(-2*time.Hour), time.Millisecond)...)
			},
			func(s *cloudtest.Server) {
				s.Add(cloudtest.Events(1000, 30, now().Add(-2*time.Second), time.Millisecond)...)
			},
			func(s *cloudtest.Server) {
				s.Add(cloudtest.Events(2000, 30, now().Add(-8*time.Second), time.Millisecond)...)
			},
		}},
		"a thousand at one instant": {quick, true, []func(*cloudtest.Server){
			func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 1000, now(), 0)...) },
			func(s *cloudtest.Server) { s.Add(cloudtest.Events(1000, 1000, now(), 0)...) },
		}},
		"pages that fail midway": {quick, false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) {
				often(s, 3, cloudtest.Truncated())
				s.Add(cloudtest.Events(0, 2000, now(), time.Microsecond)...)
			},
			func(s *cloudtest.Server) { s.Add(cloudtest.Events(5000, 2000, now(), time.Microsecond)...) },
		}},
		"repeated cursors": {quick, false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) {
				often(s, 4, cloudtest.RepeatedCursor())
				s.Add(cloudtest.Events(0, 2000, now(), time.Microsecond)...)
			},
		}},
		"a storm of 429": {quick, false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) {
				often(s, 2, cloudtest.TooMany(0.02))
				s.Add(cloudtest.Events(0, 2000, now(), time.Microsecond)...)
			},
			func(s *cloudtest.Server) { s.Add(cloudtest.Events(5000, 20, now(), time.Microsecond)...) },
		}},
		"a websocket that drops and stalls": {"poll_interval: 100ms, sweeps: [], start: 1h, mode: stream", false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) {
				s.Add(cloudtest.Events(0, 500, now(), time.Millisecond)...)
				s.AddQuietly(cloudtest.Events(1000, 100, now(), time.Millisecond)...)
				s.StallStreams(true)
				s.Add(cloudtest.Events(2000, 100, now(), time.Millisecond)...)
			},
			func(s *cloudtest.Server) {
				s.StallStreams(false)
				s.Add(cloudtest.Events(3000, 500, now(), time.Millisecond)...)
				s.CutStreams()
				s.Add(cloudtest.Events(4000, 500, now(), time.Millisecond)...)
			},
		}},
		"a long absence": {"poll_interval: 1ms, overlap: 1m, sweeps: [1h], start: 26h, mode: stream", false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) { s.Add(cloudtest.Events(0, 500, now().Add(-20*time.Minute), time.Second)...) },
			func(s *cloudtest.Server) {
				s.Add(cloudtest.Events(1000, 50, now().Add(-30*time.Minute), time.Second)...) // late, from before it
				s.Add(cloudtest.Events(2000, 500, now(), time.Microsecond)...)
			},
			func(s *cloudtest.Server) { s.Add(cloudtest.Events(3000, 500, now(), time.Microsecond)...) },
		}},
		"more than the offset ceiling": {quick, false, []func(*cloudtest.Server){
			func(s *cloudtest.Server) {
				s.Add(cloudtest.Events(0, 9000, now().Add(-time.Hour), 10*time.Millisecond)...)
			},
		}},
	}
	// So many of its steps are taken before the agent starts, not beside it: what
	// is older than a poll's overlap is not looked for where it was read already.
	early := map[string]int{"later than the overlap": 1, "a long absence": 2, "more than the offset ceiling": 1}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key, Shuffle: test.shuffle})
			site := newSite(t, server, test.settings)
			for i, step := range test.steps {
				if i > 0 && name == "a long absence" {
					absence(t)
				}
				if i < early[name] {
					step(server)
				}
				stop := site.run()
				if i >= early[name] {
					step(server)
				}
				site.same(server)
				stop()
			}
			site.once()
			site.exactly(server.IDs())
		})
	}
}

// absence lets the time pass after which a poll interval of 1 ms takes an agent
// for having been away for long.
func absence(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(200 * time.Millisecond):
	case <-t.Context().Done():
	}
}

// A key that expires and is renewed, while events happen.
func TestKeyThatExpires(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	site := newSite(t, server, quick)
	site.run()
	server.Add(cloudtest.Events(0, 50, time.Now(), time.Millisecond)...)
	site.same(server)
	server.SetKey("renewed")
	server.Add(cloudtest.Events(100, 50, time.Now(), time.Millisecond)...)
	for server.Refusals() < 2 {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			return
		}
	}
	server.SetKey(key)
	site.same(server)
}
