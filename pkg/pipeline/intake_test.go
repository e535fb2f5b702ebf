package pipeline

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/metrics"
)

// Each reason is told with its own count and its own example.
func TestInvalidRecordsAreToldByReason(t *testing.T) {
	var out strings.Builder
	in := &intake{
		log:   slog.New(slog.NewTextHandler(&out, nil)),
		meter: metrics.New(prometheus.NewRegistry()).Source("in"),
	}
	in.countInvalid([]deadletter.Letter{
		{Reason: "too_long", Origin: "a:0"},
		{Reason: "not_json", Origin: "a:7"},
		{Reason: "not_json", Origin: "a:9"},
	})
	var got []string
	for line := range strings.Lines(out.String()) {
		_, facts, _ := strings.Cut(line, "now\" ")
		got = append(got, strings.TrimSpace(facts))
	}
	want := []string{`count=1 reason=too_long first=a:0 err=""`, `count=2 reason=not_json first=a:7 err=""`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
