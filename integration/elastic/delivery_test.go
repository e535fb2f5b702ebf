//go:build integration

package elastic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
)

func everyEventOnce(t *testing.T, s *harness.Search) {
	const n = 50_000
	a := start(t, s, "data_stream: logs-prefect.once-default")
	harness.Spool(t, a.Spool, 0, n/5)
	a.Until("a part delivered", func() bool { return a.Outcome("delivered") >= n/10 })
	s.Stop()
	for from := n / 5; from < n; from += n / 5 {
		harness.Spool(t, a.Spool, from, n/5)
	}
	a.Until("the sink noticed", func() bool { return a.Metric("sink_retries_total") > 0 && a.Metric("sink_up") == 0 })
	s.Start()
	a.Until("it goes on", func() bool { return a.Metric("sink_up") == 1 && a.Outcome("delivered") > n/5 })
	a.Kill()
	a.Start()
	a.Until("all arrived", func() bool { return arrived(t, s, "logs-prefect.once-default") == n })
	whole(t, s, "logs-prefect.once-default", n)
	if missing := gap(t, s, "logs-prefect.once-default"); missing != 0 {
		t.Errorf("the gap query finds %d missing", missing)
	}
	if dead := a.Outcome("deadletter"); dead != 0 {
		t.Errorf("%d dead letters, want none", dead)
	}
}

func mappingConflict(t *testing.T, s *harness.Search) {
	s.Call("PUT", "/audit-conflict", `{"mappings":{"properties":{"event":{"properties":{"sequence":{"type":"long"},"id":{"type":"keyword"}}},
		"prefect":{"properties":{"resource":{"properties":{"name":{"type":"long"}}}}}}}}`, nil)
	a := start(t, s, "index: audit-conflict\ntemplate: false")
	const n, bad = 100, 42
	harness.SpoolLines(t, a.Spool, 0, n, func(i int) []byte {
		if i == bad {
			return harness.Event(i, "no number", "")
		}
		return harness.Event(i, fmt.Sprint(i), "")
	})
	a.Settled(n)
	if got := arrived(t, s, "audit-conflict"); got != n-1 {
		t.Errorf("%d events are in, want all but one of %d", got, n)
	}
	if dead := a.Outcome("deadletter"); dead != 1 {
		t.Errorf("%d dead letters, want 1", dead)
	}
	list, err := a.Command("deadletters", "list", "siem", "-o", "json")
	if err != nil || !strings.Contains(list, "no number") || !strings.Contains(list, harness.EventID(bad)) {
		t.Errorf("the list of dead letters is %s, error %v; want the event with the server's reason", list, err)
	}
}

func readOnlyIndex(t *testing.T, s *harness.Search) {
	a := start(t, s, "index: audit-locked")
	harness.Spool(t, a.Spool, 0, 100)
	a.Settled(100)
	s.Call("PUT", "/audit-locked/_settings", `{"index.blocks.read_only_allow_delete":true}`, nil)
	harness.Spool(t, a.Spool, 100, 100)
	a.Until("it waits", func() bool { return a.Metric("sink_retries_total") >= 3 })
	s.Call("PUT", "/audit-locked/_settings", `{"index.blocks.read_only_allow_delete":null}`, nil)
	a.Settled(200)
	whole(t, s, "audit-locked", 200)
	if dead := a.Outcome("deadletter"); dead != 0 {
		t.Errorf("%d dead letters, want none", dead)
	}
	if !strings.Contains(a.Log(), "read-only") {
		t.Error("the log does not say that the index is read-only")
	}
}

// tooLarge sends batches over the server's limit: they are halved until they
// fit. One event over it is a dead letter, and its neighbours are in.
func tooLarge(t *testing.T, s *harness.Search) {
	a := start(t, s, "index: audit-large\nbatch: {max_events: 8000, max_bytes: 40MiB, linger: 10s}\ncompression: none")
	harness.Spool(t, a.Spool, 0, 8_000)
	a.Settled(8_000)
	whole(t, s, "audit-large", 8_000)
	if a.Metric("sink_requests_total", `status="413"`)+a.Metric("sink_requests_total", `status="error"`) == 0 {
		t.Error("no request was too large; the test proves nothing")
	}
	if dead := a.Outcome("deadletter"); dead != 0 {
		t.Errorf("%d dead letters, want none", dead)
	}
}

func backPressure(t *testing.T, s *harness.Search) {
	n := 4_000
	a := start(t, s, "data_stream: logs-prefect.pressed-default\nconcurrency: 16\nbatch: {max_events: 50}")
	harness.Spool(t, a.Spool, 0, n)
	a.Until("the server pushes something back", func() bool { // more comes until it does
		if a.Metric("sink_retries_total", "429") > 0 {
			return true
		}
		harness.Spool(t, a.Spool, n, 500)
		n += 500
		return false
	})
	a.Settled(n)
	whole(t, s, "logs-prefect.pressed-default", n)
	if dead := a.Outcome("deadletter"); dead != 0 {
		t.Errorf("%d dead letters, want none", dead)
	}
}

func longTexts(t *testing.T, s *harness.Search) {
	a := start(t, s, "data_stream: logs-prefect.long-default")
	harness.SpoolLines(t, a.Spool, 0, 6, func(i int) []byte {
		return harness.Event(i, "key", strings.Repeat("ž<\"", 10_000<<(i%3)))
	})
	a.Settled(6)
	whole(t, s, "logs-prefect.long-default", 6)
	if dead := a.Outcome("deadletter"); dead != 0 {
		t.Errorf("%d dead letters, want none", dead)
	}
}
