package metrics_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/shiplog/shiplog/pkg/metrics"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// scrape is what /metrics shows.
func scrape(t *testing.T, r *prometheus.Registry) string {
	t.Helper()
	answer := httptest.NewRecorder()
	handler := promhttp.HandlerFor(r, promhttp.HandlerOpts{DisableCompression: true})
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("scrape: %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// exercise uses every instrument once.
func exercise(s *metrics.Set) {
	now := time.Now()
	src := s.Source("spool")
	src.Records(3, 300)
	src.Invalid("not_json", 1)
	src.Dropped("drop", 1)
	src.Duplicates(2)
	src.Late(1)
	src.Conflicting(1)
	src.Failed("timeout")
	src.Connected(true)
	src.Waiting(true)
	src.Lag(func() time.Time { return now.Add(-7 * time.Second) })
	src.Gauge("files", "Files that are followed.")(4)

	sink := s.Sink("elastic")
	sink.Delivered(5)
	sink.Duplicate(1)
	sink.Filtered(2)
	sink.Unanswered()
	sink.DeadLetter(1)
	sink.Request("200", 20*time.Millisecond, 1000)
	sink.Retry("status_503")
	sink.Age(2 * time.Second)
	sink.Up(true)
	sink.Waiting(false)
	sink.Succeeded(now)
	sink.Watch(metrics.Progress{
		Oldest:        func() time.Time { return now.Add(-9 * time.Second) },
		BacklogEvents: func() uint64 { return 10 },
		BacklogBytes:  func() int64 { return 10_000 },
		Cursor:        func() uint64 { return 90 },
	})

	s.Journal.Appended(3, 400, 3*time.Millisecond)
	s.Journal.Synced(2 * time.Millisecond)
	s.Journal.Full(false)
	s.Journal.Damaged(1)
	s.Journal.Lost("damage", 12)
	s.Journal.Watch(func() metrics.Extent {
		return metrics.Extent{Bytes: 5000, Segments: 2, First: 1, Last: 100, Oldest: now.Add(-time.Hour)}
	})

	s.Fallback("prefect-cloud.new.thing")
	s.ProcessorError("redact")
	s.DeadLetters(func() map[string]int { return map[string]int{"elastic": 1, "spool": 1} })
	s.Reloaded(true)
	s.Build("v1.0.0", "abcdef", "go1.26")
}

func TestScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock begins at a fixed time
		r := prometheus.NewPedanticRegistry()
		exercise(metrics.New(r))
		golden(t, "testdata/metrics.txt", scrape(t, r))
	})
}

// Every described instrument is made, and nothing that is not described.
func TestEveryInstrumentIsDescribed(t *testing.T) {
	r := prometheus.NewRegistry()
	exercise(metrics.New(r))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	for _, f := range families {
		made[strings.TrimPrefix(f.GetName(), metrics.Prefix)] = f.GetHelp()
	}
	delete(made, "source_files") // of the kind's own
	for _, i := range metrics.Instruments() {
		if made[i.Name] != i.Help {
			t.Errorf("%s: got help %q, want %q", i.Name, made[i.Name], i.Help)
		}
		delete(made, i.Name)
	}
	for name := range made {
		t.Errorf("%s is not described", name)
	}
}

func TestLagGrowsAlthoughNothingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prometheus.NewRegistry()
		exercise(metrics.New(r))
		<-time.After(time.Minute) // of the bubble's clock
		got := scrape(t, r)
		for _, want := range []string{`shiplog_sink_lag_seconds{sink="elastic"} 69`, `shiplog_source_lag_seconds{source="spool"} 67`} {
			if !strings.Contains(got, want) {
				t.Errorf("no line %s in\n%s", want, got)
			}
		}
	})
}

func TestLagWithoutAnswer(t *testing.T) {
	r := prometheus.NewRegistry()
	s := metrics.New(r)
	s.Source("a").Lag(func() time.Time { return time.Time{} })
	s.Sink("a").Watch(metrics.Progress{
		Oldest:        func() time.Time { return time.Time{} },
		BacklogEvents: func() uint64 { return 0 },
		BacklogBytes:  func() int64 { return 0 },
		Cursor:        func() uint64 { return 7 },
	})
	got := scrape(t, r)
	if strings.Contains(got, "source_lag_seconds{") {
		t.Error("a source that knows no time shows a lag")
	}
	if !strings.Contains(got, `shiplog_sink_lag_seconds{sink="a"} 0`) {
		t.Error("a sink that has caught up shows no lag of 0")
	}
}

func TestRemovedSeriesAreGone(t *testing.T) {
	r := prometheus.NewRegistry()
	s := metrics.New(r)
	exercise(s)
	s.RemoveSource("spool")
	s.RemoveSink("elastic")
	s.DeadLetters(func() map[string]int { return nil })
	for line := range strings.Lines(scrape(t, r)) {
		if strings.Contains(line, `"spool"`) || strings.Contains(line, `"elastic"`) {
			t.Errorf("still there: %s", line)
		}
	}
	s.Sink("elastic").Delivered(1) // and can come back
	if !strings.Contains(scrape(t, r), `shiplog_sink_events_total{outcome="delivered",sink="elastic"} 1`) {
		t.Error("a sink that came back does not count")
	}
}

// Event types are strangers' text: their number and their length are bounded.
func TestFallbackTypesAreBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	s := metrics.New(r)
	for i := range 1000 {
		s.Fallback("type." + strings.Repeat("x", i))
	}
	s.Fallback("with space\n")
	if got := strings.Count(scrape(t, r), "shiplog_normalize_fallback_total{"); got > 101 {
		t.Errorf("got %d series, want 101 at most", got)
	}
}

func TestReference(t *testing.T) {
	golden(t, "testdata/reference.md", metrics.Reference(metrics.Instrument{Name: "source_files", Type: "gauge", Labels: "source", Help: "Files that are followed."}))
}

func BenchmarkSettleBatch(b *testing.B) {
	s := metrics.New(prometheus.NewRegistry())
	src, sink := s.Source("a"), s.Sink("a")
	b.ReportAllocs()
	for b.Loop() {
		src.Records(1000, 1_000_000)
		sink.Delivered(1000)
		sink.Filtered(3)
		sink.Request("200", time.Millisecond, 100_000)
	}
}

// A source's own gauge is not shown before it is set: 0 would be a figure.
func TestGaugeIsShownOnceItIsSet(t *testing.T) {
	registry := prometheus.NewRegistry()
	set := metrics.New(registry).Source("cloud").Gauge("retention_left_seconds", "Time left.")
	for _, want := range []int{0, 1} {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, f := range families {
			if f.GetName() == "shiplog_source_retention_left_seconds" {
				got = len(f.GetMetric())
			}
		}
		if got != want {
			t.Errorf("it has %d series, want %d", got, want)
		}
		set(5)
	}
}
