package admin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Who has no token learns what does not work, and of no host and no path.
func TestReadinessWithoutErrors(t *testing.T) {
	failure := &pipeline.Failure{Error: "dial siem.internal:8088"}
	s := pipeline.Status{Running: true,
		Journal: pipeline.JournalStatus{Failure: "write /var/lib/shiplog/journal/00000000000000000001.seg: input/output error"},
		Sources: []pipeline.SourceStatus{{Name: "feed", State: "failed", LastError: failure}},
		Sinks:   []pipeline.SinkStatus{{Name: "siem", State: "retrying", LastError: failure}}}
	text, err := json.Marshal(readiness(withoutErrors(s)))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"ready":false,"not_ready":["journal: it has failed, see the log","source feed: failed"],"degraded":["sink siem: retrying"]}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if whole := readiness(s); !strings.Contains(whole.Degraded[0], "siem.internal") || !strings.Contains(whole.NotReady[0], "/var/lib") {
		t.Errorf("the status was changed: %+v", whole)
	}
}
