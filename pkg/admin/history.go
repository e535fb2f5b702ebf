package admin

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

// The history keeps an hour in memory, and nothing else: what is older is the
// business of whatever reads the metrics.
const (
	historyStep = 10 * time.Second
	historySize = 360
)

// history keeps the last hour of a few figures. Its size is bounded by the
// number of parts in the config.
type history struct {
	mu     sync.Mutex // guards what follows
	series map[seriesKey]*ring
	before pipeline.Status
	ticks  int // samples taken
}

type seriesKey struct{ kind, name, figure string }

// ring holds the newest samples. What was not sampled is NaN.
type ring struct {
	values [historySize]float64
	last   int // the tick of the newest sample
}

func newHistory() *history { return &history{series: make(map[seriesKey]*ring)} }

// keep samples until ctx ends.
func (h *history) keep(ctx context.Context, status func() pipeline.Status) {
	tick := time.NewTicker(historyStep)
	defer tick.Stop()
	h.sample(status())
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.sample(status())
		}
	}
}

// sample takes one sample of every figure.
func (h *history) sample(now pipeline.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	passed := now.Time.Sub(h.before.Time).Seconds()
	h.ticks++
	for _, s := range now.Sources {
		for _, was := range h.before.Sources {
			if was.Name == s.Name {
				h.put(seriesKey{"source", s.Name, "events_per_second"}, perSecond(was.Events, s.Events, passed))
			}
		}
		h.put(seriesKey{"source", s.Name, "lag_seconds"}, s.Lag)
	}
	for _, s := range now.Sinks {
		for _, was := range h.before.Sinks {
			if was.Name == s.Name {
				h.put(seriesKey{"sink", s.Name, "events_per_second"},
					perSecond(was.Delivered+was.Duplicate, s.Delivered+s.Duplicate, passed))
			}
		}
		h.put(seriesKey{"sink", s.Name, "lag_seconds"}, s.Lag)
		h.put(seriesKey{"sink", s.Name, "backlog_events"}, float64(s.Backlog))
	}
	if h.ticks > 1 {
		h.put(seriesKey{"journal", "", "events_per_second"}, perSecond(h.before.Journal.Last, now.Journal.Last, passed))
	}
	h.put(seriesKey{"journal", "", "bytes"}, float64(now.Journal.Bytes))
	h.before = now
	for key, r := range h.series {
		if h.ticks-r.last > historySize {
			delete(h.series, key) // gone from the config an hour ago
		}
	}
}

// perSecond is the rate between two counts; of a count that began anew, 0.
func perSecond(was, is uint64, seconds float64) float64 {
	if is < was || seconds <= 0 {
		return 0
	}
	return float64(is-was) / seconds
}

// put appends a value; h.mu is held.
func (h *history) put(key seriesKey, v float64) {
	r := h.series[key]
	if r == nil {
		r = &ring{last: h.ticks - 1}
		for i := range r.values {
			r.values[i] = math.NaN()
		}
		h.series[key] = r
	}
	for t := max(r.last+1, h.ticks-historySize); t < h.ticks; t++ {
		r.values[t%historySize] = math.NaN()
	}
	r.values[h.ticks%historySize], r.last = v, h.ticks
}

// values gives the samples of one series, oldest first, the last of now.
func (h *history) values(kind, name, figure string) []float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unrolled(h.series[seriesKey{kind, name, figure}])
}

func (h *history) unrolled(r *ring) []float64 {
	if r == nil {
		return nil
	}
	out := make([]float64, 0, historySize)
	for t := h.ticks - historySize + 1; t <= h.ticks; t++ {
		v := math.NaN()
		if t > 0 && t <= r.last {
			v = r.values[t%historySize]
		}
		out = append(out, v)
	}
	return out
}

// Series is one figure over the last hour.
type Series struct {
	Kind   string  `json:"kind"` // source, journal or sink
	Name   string  `json:"name,omitempty"`
	Figure string  `json:"figure"`
	Values samples `json:"values"` // oldest first; null where nothing is known
}

// samples writes what is not known as null.
type samples []float64

// MarshalJSON writes an array.
func (s samples) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, v := range s {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v, 'g', 6, 64)
		}
	}
	return append(b, ']'), nil
}

// all gives every series, in a fixed order.
func (h *history) all() []Series {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Series, 0, len(h.series))
	for key, r := range h.series {
		list = append(list, Series{Kind: key.kind, Name: key.name, Figure: key.figure, Values: h.unrolled(r)})
	}
	slices.SortFunc(list, func(a, b Series) int {
		return slices.Compare([]string{a.Kind, a.Name, a.Figure}, []string{b.Kind, b.Name, b.Figure})
	})
	return list
}

func (h *handlers) showHistory(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"step_seconds": historyStep.Seconds(),
		"end":          time.Now().UTC(),
		"series":       h.history.all(),
	})
}
