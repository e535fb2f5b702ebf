//go:build integration

package elastic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
)

// One write thread with a short queue, so that back-pressure can be had; small
// bodies, so that a batch can be too large.
var settings = []string{"thread_pool.write.size: 1", "thread_pool.write.queue_size: 2", "http.max_content_length: 4mb"}

func TestElasticsearch(t *testing.T) {
	s := harness.StartElasticsearch(t, settings...)
	suite(t, s)
	t.Run("the least privileges", func(t *testing.T) { leastPrivileges(t, s) })
	t.Run("a rotated key", func(t *testing.T) { rotatedKey(t, s) })
}

func TestOpenSearch(t *testing.T) {
	suite(t, harness.StartOpenSearch(t, settings...))
}

func suite(t *testing.T, s *harness.Search) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *harness.Search)
	}{
		{"every event once while server and agent go and come back", everyEventOnce},
		{"a mapping conflict costs one event", mappingConflict},
		{"a read-only index costs none", readOnlyIndex},
		{"the template maps what events have", mappings},
		{"an index a day survives a replay", indexADay},
		{"a replay survives a rollover", rollover},
		{"a batch that is too large", tooLarge},
		{"back-pressure", backPressure},
		{"long texts", longTexts},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
}

// sink is a section for that server, with lines of its own.
func sink(s *harness.Search, lines string) string {
	text := fmt.Sprintf("type: elasticsearch\nurls: [%s]\nretry: {initial: 50ms, max: 500ms}\n", s.URL)
	if s.User != "" {
		text += fmt.Sprintf("username: %s\npassword: %s\n", s.User, s.Password)
	}
	return text + lines
}

func start(t *testing.T, s *harness.Search, lines string) *harness.Agent {
	t.Helper()
	return harness.NewAgent(t, sink(s, lines)).Start()
}

// document is what a search tells of an event.
type document struct {
	ID     string `json:"_id"`
	Index  string `json:"_index"`
	Source struct {
		Timestamp string `json:"@timestamp"`
		Event     struct {
			ID       string `json:"id"`
			Action   string `json:"action"`
			Sequence int    `json:"sequence"`
		} `json:"event"`
		Shiplog struct {
			Delivery int `json:"delivery"`
		} `json:"shiplog"`
	} `json:"_source"`
	Sort []json.RawMessage `json:"sort"`
}

// documents reads a whole target in the order of the journal.
func documents(t *testing.T, s *harness.Search, target string) []document {
	t.Helper()
	s.Call("POST", "/"+target+"/_refresh", "", nil)
	var all []document
	after := ""
	for {
		var page struct {
			Hits struct {
				Hits []document `json:"hits"`
			} `json:"hits"`
		}
		s.Call("POST", "/"+target+"/_search", fmt.Sprintf(
			`{"size":10000,"sort":["event.sequence"],"_source":["@timestamp","event.id","event.action","event.sequence","shiplog.delivery"]%s}`, after), &page)
		if len(page.Hits.Hits) == 0 {
			return all
		}
		all = append(all, page.Hits.Hits...)
		last, err := json.Marshal(all[len(all)-1].Sort)
		if err != nil {
			t.Fatal(err)
		}
		after = `,"search_after":` + string(last)
	}
}

// arrived counts what a target holds, but for the agent's own events.
func arrived(t *testing.T, s *harness.Search, target string) int {
	t.Helper()
	s.Call("POST", "/"+target+"/_refresh", "", nil)
	var a struct {
		Count int `json:"count"`
	}
	s.Call("POST", "/"+target+"/_count", `{"query":{"prefix":{"event.id":"`+harness.EventID(0)[:24]+`"}}}`, &a)
	return a.Count
}

// whole checks that a target holds events 0 to n-1 of an agent once each, as
// documented: the id is the event's, no sequence and no delivery is missing. It
// returns them without the agent's own.
func whole(t *testing.T, s *harness.Search, target string, n int) []document {
	t.Helper()
	docs := documents(t, s, target)
	deliveries := make([]int, 0, len(docs))
	missing := make(map[string]bool, n)
	for i := range n {
		missing[harness.EventID(i)] = true
	}
	var events []document
	for i, d := range docs {
		deliveries = append(deliveries, d.Source.Shiplog.Delivery)
		if d.ID != d.Source.Event.ID || d.Source.Event.Sequence != i+1 || d.Source.Timestamp == "" {
			t.Fatalf("document %d is %+v; want its _id to be event.id, event.sequence %d and a @timestamp", i, d, i+1)
		}
		if missing[d.ID] {
			events = append(events, d)
			delete(missing, d.ID)
		} else if !strings.HasPrefix(d.Source.Event.Action, "shiplog.") {
			t.Fatalf("%s holds %s, which was not sent, or twice", target, d.ID)
		}
	}
	if len(missing) > 0 {
		t.Fatalf("%s lacks %d of %d events", target, len(missing), n)
	}
	slices.Sort(deliveries)
	for i, d := range deliveries {
		if d != i+1 {
			t.Fatalf("%s: delivery %d is %d", target, i+1, d)
		}
	}
	return events
}

// gap asks what the documentation gives a security engineer to ask: how many
// deliveries are missing.
func gap(t *testing.T, s *harness.Search, target string) int {
	t.Helper()
	var a struct {
		Aggregations struct {
			Journals struct {
				Buckets []struct {
					Last  struct{ Value float64 } `json:"last"`
					First struct{ Value float64 } `json:"first"`
					Count struct{ Value float64 } `json:"count"`
				} `json:"buckets"`
			} `json:"journals"`
		} `json:"aggregations"`
	}
	s.Call("POST", "/"+target+"/_search", `{"size":0,"aggs":{"journals":{"terms":{"field":"shiplog.journal"},"aggs":{
		"first":{"min":{"field":"shiplog.delivery"}},
		"last":{"max":{"field":"shiplog.delivery"}},
		"count":{"value_count":{"field":"shiplog.delivery"}}}}}}`, &a)
	if len(a.Aggregations.Journals.Buckets) == 0 {
		t.Errorf("no event in %s says which journal it is of", target)
	}
	missing := 0
	for _, j := range a.Aggregations.Journals.Buckets {
		missing += int(j.Last.Value-j.First.Value) + 1 - int(j.Count.Value)
	}
	return missing
}
