package pipeline

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/metrics"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

// gathered is every sample of a registry, by name and label values.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "/" + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func TestMetricsSayWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		good, down := &collector{}, &collector{fail: func() error { return errors.New("connection refused") }}
		w := newWorld(t, Config{
			Sources: []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(append(audit(0, 40), "not json"), 10))},
			Sinks: []SinkSpec{
				sinkSpec(t, "good", "1", good, func(c *sinks.Common) { c.Where = `event.action != "prefect-cloud.user.logged-in"` }),
				sinkSpec(t, "down", "1", down, nil),
			},
		})
		w.metrics = metrics.New(registry)
		p := w.open()
		stop := run(p)
		time.Sleep(90 * time.Second)
		synctest.Wait()
		got := gathered(t, registry)
		want := map[string]float64{
			"shiplog_source_records_total/spool":          41,
			"shiplog_source_invalid_total/not_json/spool": 1,
			"shiplog_sink_events_total/filtered/good":     40,
			"shiplog_sink_events_total/delivered/good":    1, // the agent's own start
			"shiplog_sink_events_total/delivered/down":    0,
			"shiplog_sink_event_age_seconds/good":         1,
			"shiplog_sink_up/good":                        1,
			"shiplog_sink_up/down":                        0,
			"shiplog_sink_lag_seconds/good":               0,
			"shiplog_sink_backlog_events/down":            41,
			"shiplog_sink_backlog_events/good":            0,
			"shiplog_sink_cursor/good":                    41,
			"shiplog_deadletters/spool":                   1,
		}
		for name, v := range want {
			if have, ok := got[name]; !ok || have != v {
				t.Errorf("%s is %v (there: %v), want %v", name, have, ok, v)
			}
		}
		if lag := got["shiplog_sink_lag_seconds/down"]; lag < 89 || lag > 91 {
			t.Errorf("the lag of the sink that is down is %v, want 90", lag)
		}
		if got["shiplog_sink_retries_total/error/down"] == 0 {
			t.Error("the retries are not counted")
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}

// What the catalogue does not know, and what a processor or a where cannot treat,
// is counted, and kept.
func TestMetricsSayWhatWasNotUnderstood(t *testing.T) {
	section, err := config.ParseSection("test.yaml", []byte(`[{rename: {prefect.payload.ip: source.ip}}]`))
	if err != nil {
		t.Fatal(err)
	}
	processors, err := normalize.CompileProcessors(section)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		lines := []string{`{"id":"1","event":"prefect-cloud.team.dissolved","payload":{"ip":"nowhere"}}`}
		good := &collector{}
		w := newWorld(t, Config{
			Sources:    []SourceSpec{sourceSpec(t, "spool", "1", sources.Traits{}, onceLines(lines, 10))},
			Sinks:      []SinkSpec{sinkSpec(t, "good", "1", good, func(c *sinks.Common) { c.Where = "int(prefect.payload.ip) > 3" })},
			Processors: processors,
		})
		w.metrics = metrics.New(registry)
		p := w.open()
		stop := run(p)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got := gathered(t, registry)
		for name, want := range map[string]float64{
			"shiplog_normalize_fallback_total/team":    1,
			"shiplog_processor_errors_total/rename":    1,
			"shiplog_sink_where_errors_total/good":     2,
			"shiplog_sink_events_total/delivered/good": 2, // and the agent's own start
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}
