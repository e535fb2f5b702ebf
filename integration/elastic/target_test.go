//go:build integration

package elastic

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
)

// mappings asks the server how it mapped the fields of a stream that has come
// into being by its first event.
func mappings(t *testing.T, s *harness.Search) {
	const stream = "logs-prefect.mapped-default"
	a := start(t, s, "data_stream: "+stream)
	harness.Spool(t, a.Spool, 0, 10)
	a.Settled(10)
	docs := whole(t, s, stream, 10)
	if !strings.HasPrefix(docs[0].Index, ".ds-"+stream+"-") {
		t.Errorf("the event is in %s, want a backing index of the data stream", docs[0].Index)
	}
	var got map[string]struct {
		Mappings map[string]struct {
			Mapping map[string]struct {
				Type string `json:"type"`
			} `json:"mapping"`
		} `json:"mappings"`
	}
	s.Call("GET", "/"+docs[0].Index+"/_mapping/field/*", "", &got)
	fields := got[docs[0].Index].Mappings
	for name, want := range map[string]string{
		"@timestamp": "date", "event.id": "keyword", "event.action": "keyword", "event.sequence": "long", "event.original": "keyword",
		"source.ip": "ip", "user.email": "keyword", "shiplog.delivery": "long", "shiplog.journal": "keyword", "agent.id": "keyword",
	} {
		kind := ""
		for _, m := range fields[name].Mapping {
			kind = m.Type
		}
		if !strings.HasPrefix(kind, want) {
			t.Errorf("%s is mapped as %q, want %s", name, kind, want)
		}
	}
	var set map[string]struct {
		Settings struct {
			Index map[string]any `json:"index"`
		} `json:"settings"`
	}
	s.Call("GET", "/"+docs[0].Index+"/_settings", "", &set)
	if codec := set[docs[0].Index].Settings.Index["codec"]; codec != "best_compression" {
		t.Errorf("the index has the codec %v, want that of the template", codec)
	}
	if s.User == "" { // OpenSearch: see the sink's documentation
		return
	}
	var found struct {
		Hits struct {
			Total struct {
				Value int `json:"value"`
			} `json:"total"`
		} `json:"hits"`
	}
	s.Call("POST", "/"+stream+"/_search", `{"query":{"term":{"prefect.payload.note":"by schedule"}}}`, &found)
	if found.Hits.Total.Value != 10 {
		t.Errorf("a search in the payload finds %d events, want 10", found.Hits.Total.Value)
	}
}

// indexADay puts events into the indices of their own days. A replay writes to
// the same ones, and so repeats nothing.
func indexADay(t *testing.T, s *harness.Search) {
	const n, days = 40, 4
	a := start(t, s, "index: daily-%{+yyyy.MM.dd}")
	harness.SpoolLines(t, a.Spool, 0, n, func(i int) []byte {
		line := string(harness.Event(i, "key", ""))
		day := "2026-03-0" + string(rune('1'+i%days))
		return []byte(strings.ReplaceAll(line, "2026-03-01", day))
	})
	a.Settled(n)
	docs := whole(t, s, "daily-*", n)
	count := make(map[string]int)
	for _, d := range docs {
		count[d.Index]++
		if want := "daily-" + strings.ReplaceAll(d.Source.Timestamp[:10], "-", "."); d.Index != want {
			t.Errorf("an event of %s is in %s, want %s", d.Source.Timestamp, d.Index, want)
		}
	}
	if got := slices.Sorted(maps.Keys(count)); len(got) != days {
		t.Errorf("indices are %v, want one a day", got)
	}
	replay(t, a)
	whole(t, s, "daily-*", n)
}

// rollover replays a range whose events are in an older backing index, which
// the one that is written to does not know.
func rollover(t *testing.T, s *harness.Search) {
	const stream, n = "logs-prefect.rolled-default", 500
	a := start(t, s, "data_stream: "+stream)
	harness.Spool(t, a.Spool, 0, n)
	a.Settled(n)
	s.Call("POST", "/"+stream+"/_refresh", "", nil)
	s.Call("POST", "/"+stream+"/_rollover", "", nil)
	replay(t, a)
	whole(t, s, stream, n)
}

func replay(t *testing.T, a *harness.Agent) {
	t.Helper()
	out, err := a.Command("replay", "--sink", "siem", "--since", "2026-01-01T00:00:00Z")
	if err != nil {
		t.Fatalf("replay: %v\n%s", err, out)
	}
}
