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
		Sources: []pipeline.SourceStatus{{Name: "feed", State: "failed", LastError: failure}},
		Sinks:   []pipeline.SinkStatus{{Name: "siem", State: "retrying", LastError: failure}}}
	text, err := json.Marshal(readiness(withoutErrors(s)))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"ready":false,"not_ready":["source feed: failed"],"degraded":["sink siem: retrying"]}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if whole := readiness(s); !strings.Contains(whole.Degraded[0], "siem.internal") {
		t.Errorf("the status was changed: %+v", whole)
	}
}
