package prefectcloud_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
	"github.com/shiplog/shiplog/pkg/sources/sourcetest"
)

// streamed runs a source in stream mode beside a server whose websocket it has
// opened.
func streamed(t *testing.T, settings string) (*cloudtest.Server, *sourcetest.Store, *sourcetest.Monitor) {
	t.Helper()
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key})
	store, monitor := sourcetest.NewStore(), new(sourcetest.Monitor)
	d := &dedup{seen: make(map[string]bool)}
	start(t, d.wrap(open(t, with(fast(server.Base), "mode: stream\n"+settings), sources.Deps{Monitor: monitor})), store)
	eventually(t, "stream", func() bool { return server.Streams() == 1 })
	return server, store, monitor
}

// The stream alone brings an event, long before the next poll.
func TestStreamIsAhead(t *testing.T) {
	server, store, _ := streamed(t, "poll_interval: 1h")
	server.Add(cloudtest.Events(0, 10, time.Now(), time.Millisecond)...)
	wait(t, store, 10)
}

// Events of the largest size come by the stream, more of them than it may hold.
func TestStreamTakesLargeEvents(t *testing.T) {
	server, store, _ := streamed(t, "poll_interval: 1h")
	large := cloudtest.Events(0, 20, time.Now(), time.Millisecond)
	for i := range large {
		large[i].Raw = fmt.Appendf(nil, `{"id":%q,"event":%q,"occurred":%q,"payload":{"x":%q}}`,
			large[i].ID, large[i].Name, large[i].Occurred.Format(time.RFC3339Nano), strings.Repeat("x", 1_400_000))
	}
	server.Add(large...)
	wait(t, store, 20)
}

func TestStreamLosesAndPollsFind(t *testing.T) {
	tests := map[string]func(*cloudtest.Server){
		"it drops events": func(s *cloudtest.Server) { s.AddQuietly(cloudtest.Events(100, 20, time.Now(), time.Millisecond)...) },
		"it is cut": func(s *cloudtest.Server) {
			s.CutStreams()
			s.Add(cloudtest.Events(100, 20, time.Now(), time.Millisecond)...)
		},
		"it falls silent": func(s *cloudtest.Server) {
			s.StallStreams(true)
			s.Add(cloudtest.Events(100, 20, time.Now(), time.Millisecond)...)
		},
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			server, store, _ := streamed(t, "")
			server.Add(cloudtest.Events(0, 10, time.Now(), time.Millisecond)...)
			wait(t, store, 10)
			lose(server)
			wait(t, store, 30)
			if got, want := idsOf(store), server.IDs(); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// A connection that is open and dead is noticed by its missing pongs.
func TestStreamThatFallsSilentIsReplaced(t *testing.T) {
	server, store, monitor := streamed(t, "")
	server.StallStreams(true)
	eventually(t, "failure of the stream", func() bool { return slices.Contains(monitor.Failures(), "stream") })
	server.StallStreams(false)
	eventually(t, "new stream", func() bool { return server.Streams() == 1 })
	server.Add(cloudtest.Events(0, 10, time.Now(), time.Millisecond)...)
	wait(t, store, 10)
}

// Where websockets are blocked, polls do it.
func TestStreamBlocked(t *testing.T) {
	server := cloudtest.Start(t, cloudtest.Options{Account: account, Key: key, NoStream: true})
	store := sourcetest.NewStore()
	d := &dedup{seen: make(map[string]bool)}
	start(t, d.wrap(open(t, with(fast(server.Base), "mode: stream"), sources.Deps{})), store)
	server.Add(cloudtest.Events(0, 10, time.Now(), time.Millisecond)...)
	wait(t, store, 10)
}
