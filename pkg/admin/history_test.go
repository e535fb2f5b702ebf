package admin

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

func TestHistoryKeepsAnHour(t *testing.T) {
	h := newHistory()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const samples = historySize + 50
	for i := range samples {
		s := pipeline.Status{Time: at.Add(time.Duration(i) * historyStep)}
		s.Journal.Last = uint64(i) * 100
		sink := pipeline.SinkStatus{Name: "steady", Delivered: uint64(i) * 20, Backlog: uint64(i)}
		s.Sinks = append(s.Sinks, sink)
		if i >= samples-5 {
			s.Sinks = append(s.Sinks, pipeline.SinkStatus{Name: "new", Lag: 7})
		}
		if i < 10 {
			s.Sinks = append(s.Sinks, pipeline.SinkStatus{Name: "gone"})
		}
		h.sample(s)
	}
	if v := h.values("sink", "steady", "events_per_second"); len(v) != historySize || v[0] != 2 || v[historySize-1] != 2 {
		t.Errorf("the rate: %d values, %v … %v", len(v), v[0], v[len(v)-1])
	}
	if v := h.values("sink", "steady", "backlog_events"); v[0] != samples-historySize || v[historySize-1] != samples-1 {
		t.Errorf("the backlog: %v … %v", v[0], v[historySize-1])
	}
	if v := h.values("sink", "new", "lag_seconds"); !math.IsNaN(v[historySize-6]) || v[historySize-5] != 7 {
		t.Errorf("a new sink: %v", v[historySize-7:])
	}
	if v := h.values("sink", "gone", "lag_seconds"); v != nil {
		t.Errorf("a sink that is gone for an hour is still there: %v", v[:5])
	}
	text, err := json.Marshal(h.all())
	if err != nil || !strings.Contains(string(text), "null") {
		t.Errorf("%v %.200s", err, text)
	}
}

func TestACounterThatBeginsAnewIsNoRate(t *testing.T) {
	if got := perSecond(100, 5, 10); got != 0 {
		t.Errorf("got %v", got)
	}
}

func TestDraw(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		values []float64
		line   string
		peak   float64
	}{
		"nothing":       {nil, "", 0},
		"unknown":       {[]float64{nan, nan}, "", 0},
		"flat at zero":  {[]float64{0, 0}, "0.0,39.0 240.0,39.0", 0},
		"a rise":        {[]float64{0, 5, 10}, "0.0,39.0 120.0,20.5 240.0,2.0", 10},
		"known of late": {[]float64{nan, 0, 10}, "120.0,39.0 240.0,2.0", 10},
	} {
		line, _, peak := draw(c.values)
		if line != c.line || peak != c.peak {
			t.Errorf("%s: got %q, %v", name, line, peak)
		}
	}
	spike := make([]float64, historySize)
	spike[100] = 9
	if _, _, peak := draw(spike); peak != 9 {
		t.Errorf("a short peak is lost: %v", peak)
	}
}
