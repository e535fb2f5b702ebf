package elasticsearch

import (
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// A replay across a rollover repeats nothing, and fills what was missing.
func TestReplayAcrossRollover(t *testing.T) {
	f := newFake(t)
	s := opened(t, f, "")
	if _, err := s.Deliver(t.Context(), sinktest.Batch(2, 3, nil)); err != nil {
		t.Fatal(err)
	}
	f.rollover()
	f.Mark("event-0001", sinks.Refused)
	b := sinktest.Batch(0, 6, nil)
	b.Replay = true
	report, err := s.Deliver(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[int]sinks.Outcome)
	for _, r := range report.Results {
		got[r.Index] = r.Outcome
	}
	if len(got) != 4 || got[1] != sinks.Refused || got[2] != sinks.Duplicate || got[3] != sinks.Duplicate || got[4] != sinks.Duplicate {
		t.Errorf("outcomes %v", got)
	}
	if got := strings.Join(f.Accepted(), " "); got != "event-0002 event-0003 event-0004 event-0000 event-0005" {
		t.Errorf("the stream has %s", got)
	}
	b.Items = b.Items[2:]
	if report, err := s.Deliver(t.Context(), b); err != nil || len(report.Results) != 4 {
		t.Errorf("all there: report %v, error %v", report, err)
	}
}

func TestReplayNeedsWholeAnswer(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply reply
		want  fault.Kind
		says  string
	}{
		{"no right", reply{403, `{"error":{"type":"security_exception","reason":"r"}}`}, fault.Setup, "privilege read"},
		{"some shards", reply{200, `{"timed_out":false,"_shards":{"failed":1}}`}, fault.Retry, "shards"},
		{"too late", reply{200, `{"timed_out":true}`}, fault.Retry, "shards"},
		{"unavailable", reply{503, ``}, fault.Retry, "503"},
		{"no JSON", reply{200, `<html>`}, fault.Retry, "_search"},
		{"bad question", reply{400, `{}`}, fault.Setup, "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.reply["POST /logs-prefect.audit-default/_search"] = c.reply
			b := sinktest.Batch(0, 2, nil)
			b.Replay = true
			_, err := opened(t, f, "template: false").Deliver(t.Context(), b)
			if err == nil || fault.KindOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%v), want kind %v and %q", err, fault.KindOf(err), c.want, c.says)
			}
			if len(f.Accepted()) > 0 {
				t.Error("written all the same")
			}
		})
	}
}
