package sinktest

import (
	"slices"
	"testing"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// rounds is how often ship offers the same events before it gives up.
const rounds = 20

// shipped is what became of the events of a batch, by id.
type shipped struct {
	refused   []string
	duplicate []string
}

// ship delivers a batch to its end the way a shipper does, without waiting:
// again what comes again, in halves what is too large or refused as a whole.
func ship(t *testing.T, s sinks.Sink, b sinks.Batch) shipped {
	t.Helper()
	var out shipped
	for range rounds {
		if len(b.Items) == 0 {
			return out
		}
		report, err := s.Deliver(t.Context(), b)
		if err != nil {
			if out.divide(t, s, b, err) {
				return out
			}
			continue
		}
		b.Items = out.record(t, b, report)
	}
	if len(b.Items) > 0 {
		t.Fatalf("%v: still not settled after %d deliveries", ids(b), rounds)
	}
	return out
}

// divide ships a batch in halves if err asks for it, and says whether it did.
func (out *shipped) divide(t *testing.T, s sinks.Sink, b sinks.Batch, err error) bool {
	t.Helper()
	switch k := fault.KindOf(err); {
	case k != fault.TooLarge && k != fault.Refused:
		return false
	case len(b.Items) == 1:
		out.refused = append(out.refused, b.Items[0].Event.ID)
		return true
	}
	half := len(b.Items) / 2
	for _, items := range [][]sinks.Item{b.Items[:half], b.Items[half:]} {
		part := ship(t, s, sinks.Batch{Items: items, Through: items[len(items)-1].Event.Sequence, Replay: b.Replay})
		out.refused = append(out.refused, part.refused...)
		out.duplicate = append(out.duplicate, part.duplicate...)
	}
	return true
}

// record notes what a report says and returns the items that come again.
func (out *shipped) record(t *testing.T, b sinks.Batch, r sinks.Report) []sinks.Item {
	t.Helper()
	var again []sinks.Item
	seen := make([]int, 0, len(r.Results))
	for _, res := range r.Results {
		if res.Index < 0 || res.Index >= len(b.Items) {
			t.Fatalf("result for index %d of a batch of %d", res.Index, len(b.Items))
		}
		if slices.Contains(seen, res.Index) {
			t.Errorf("two results for index %d", res.Index)
		}
		seen = append(seen, res.Index)
		item := b.Items[res.Index]
		switch res.Outcome {
		case sinks.Duplicate:
			out.duplicate = append(out.duplicate, item.Event.ID)
		case sinks.Again:
			again = append(again, item)
		case sinks.Refused:
			out.refused = append(out.refused, item.Event.ID)
		default:
			t.Errorf("%s: outcome %d is none", item.Event.ID, res.Outcome)
		}
		if res.Outcome != sinks.Duplicate && res.Err == nil {
			t.Errorf("%s: no reason given for outcome %d", item.Event.ID, res.Outcome)
		}
	}
	return again
}
