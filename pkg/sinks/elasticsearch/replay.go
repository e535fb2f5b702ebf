package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// maxAsked is how many ids are asked for at once, well below the 10,000 hits
// that a search may return.
const maxAsked = 1000

// replay writes what is not there yet. A data stream's newest index does not
// know the ids of those before it, so that after a rollover "create" alone
// would repeat events: the whole stream is searched for them first.
func (s *Sink) replay(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	there, err := s.find(ctx, b.Items)
	if err != nil {
		return sinks.Report{}, err
	}
	var report sinks.Report
	rest := sinks.Batch{Through: b.Through, Replay: true}
	places := make([]int, 0, len(b.Items)) // of rest's items in b
	for i := range b.Items {
		if there[documentID(b.Items[i].Event.ID)] {
			report.Results = append(report.Results, sinks.Result{Index: i, Outcome: sinks.Duplicate})
			continue
		}
		rest.Items = append(rest.Items, b.Items[i])
		places = append(places, i)
	}
	if len(rest.Items) == 0 {
		return report, nil
	}
	written, err := s.write(ctx, rest)
	for _, r := range written.Results {
		r.Index = places[r.Index]
		report.Results = append(report.Results, r)
	}
	return report, err
}

// find returns the ids of those items that are in the stream.
func (s *Sink) find(ctx context.Context, items []sinks.Item) (map[string]bool, error) {
	there := make(map[string]bool)
	for part := range slices.Chunk(items, maxAsked) {
		ids := make([]string, len(part))
		for i := range part {
			ids[i] = documentID(part[i].Event.ID)
		}
		question, err := json.Marshal(object{"size": len(ids), "_source": false, "query": object{"ids": object{"values": ids}}})
		if err != nil {
			return nil, err
		}
		a, err := s.cluster.do(ctx, request{
			method: http.MethodPost, path: "/" + s.cfg.target.before + "/_search",
			query: "filter_path=hits.hits._id,timed_out,_shards.failed", json: question,
		}, new(bytes.Buffer))
		if err != nil {
			return nil, err
		}
		if err := a.found(there); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// found adds the ids of a search's answer to there. An answer of only some
// shards is none: an id that it lacks may be there.
func (a answer) found(there map[string]bool) error {
	switch {
	case a.status == http.StatusNotFound: // no stream yet
		return nil
	case a.status == http.StatusForbidden:
		return fault.New(fault.Setup, "privilege", fmt.Errorf(
			"the index privilege read is missing: a replay into a data stream first asks which events are there; grant it for the time of the replay (%w)", a.err()))
	case a.status != http.StatusOK:
		return answerFault(a)
	}
	var hits struct {
		TimedOut bool `json:"timed_out"`
		Shards   struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(a.body, &hits); err != nil {
		return fault.New(fault.Retry, "bad_answer", fmt.Errorf("%s: %w", a.request, err))
	}
	if hits.TimedOut || hits.Shards.Failed > 0 {
		return fault.New(fault.Retry, "search_incomplete", fmt.Errorf("%s: not all shards answered", a.request))
	}
	for _, h := range hits.Hits.Hits {
		there[h.ID] = true
	}
	return nil
}
