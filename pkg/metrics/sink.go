package metrics

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type sinkVecs struct {
	events, unanswered                       *prometheus.CounterVec
	bytes, requests, retries                 *prometheus.CounterVec
	up, waiting, success                     *prometheus.GaugeVec
	request, age                             *prometheus.HistogramVec
	lag, backlogEvents, backlogBytes, cursor *computed
}

func newSinkVecs(b *builder) sinkVecs {
	return sinkVecs{
		events:        b.counters("sink_events_total"),
		unanswered:    b.counters("sink_where_errors_total"),
		bytes:         b.counters("sink_bytes_total"),
		requests:      b.counters("sink_requests_total"),
		request:       b.histograms("sink_request_seconds", []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}),
		retries:       b.counters("sink_retries_total"),
		lag:           b.computed("sink_lag_seconds"),
		backlogEvents: b.computed("sink_backlog_events"),
		backlogBytes:  b.computed("sink_backlog_bytes"),
		cursor:        b.computed("sink_cursor"),
		age:           b.histograms("sink_event_age_seconds", []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400}),
		up:            b.gauges("sink_up"),
		waiting:       b.gauges("sink_waiting"),
		success:       b.gauges("sink_last_success_timestamp_seconds"),
	}
}

// Sink is the instruments of one sink.
type Sink struct {
	set  *Set
	name string

	delivered, duplicate, filtered, deadLetter, lost, bytes prometheus.Counter
	unanswered                                              prometheus.Counter
	requests, retries                                       *prometheus.CounterVec // by status, by reason
	request, age                                            prometheus.Observer
	up, waiting, success                                    prometheus.Gauge
}

// Sink gives the instruments of a sink, the same ones for the same name.
func (s *Set) Sink(name string) *Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.sinks[name]; have != nil {
		return have
	}
	of := prometheus.Labels{"sink": name}
	v := s.sink
	h := &Sink{
		set:        s,
		name:       name,
		delivered:  v.events.WithLabelValues(name, "delivered"),
		duplicate:  v.events.WithLabelValues(name, "duplicate"),
		filtered:   v.events.WithLabelValues(name, "filtered"),
		deadLetter: v.events.WithLabelValues(name, "deadletter"),
		lost:       v.events.WithLabelValues(name, "lost"),
		unanswered: v.unanswered.With(of),
		bytes:      v.bytes.With(of),
		requests:   v.requests.MustCurryWith(of),
		retries:    v.retries.MustCurryWith(of),
		request:    v.request.With(of),
		age:        v.age.With(of),
		up:         v.up.With(of),
		waiting:    v.waiting.With(of),
		success:    v.success.With(of),
	}
	s.sinks[name] = h
	return h
}

// RemoveSink deletes the series of a sink that is no longer configured.
func (s *Set) RemoveSink(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sinks, name)
	of := prometheus.Labels{"sink": name}
	v := s.sink
	for _, c := range []*prometheus.CounterVec{v.events, v.unanswered, v.bytes, v.requests, v.retries} {
		c.DeletePartialMatch(of)
	}
	for _, h := range []*prometheus.HistogramVec{v.request, v.age} {
		h.DeletePartialMatch(of)
	}
	for _, g := range []*prometheus.GaugeVec{v.up, v.waiting, v.success} {
		g.DeletePartialMatch(of)
	}
	for _, c := range []*computed{v.lag, v.backlogEvents, v.backlogBytes, v.cursor} {
		c.set(name, nil)
	}
}

// Delivered counts events that the sink accepted.
func (s *Sink) Delivered(n int) { s.delivered.Add(float64(n)) }

// Duplicate counts events that the sink had already.
func (s *Sink) Duplicate(n int) { s.duplicate.Add(float64(n)) }

// Filtered counts events that where kept from the sink.
func (s *Sink) Filtered(n int) { s.filtered.Add(float64(n)) }

// Unanswered counts an event that where could not be answered for; it is kept.
func (s *Sink) Unanswered() { s.unanswered.Inc() }

// DeadLetter counts events that became dead letters.
func (s *Sink) DeadLetter(n int) { s.deadLetter.Add(float64(n)) }

// Lost counts events that could not be read from the journal any more.
func (s *Sink) Lost(n int) { s.lost.Add(float64(n)) }

// Request counts a request, its time and its bytes on the wire.
func (s *Sink) Request(status string, took time.Duration, bytes int) {
	s.requests.WithLabelValues(status).Inc()
	s.request.Observe(took.Seconds())
	s.bytes.Add(float64(bytes))
}

// Retry counts a batch, or a part of one, that is sent again.
func (s *Sink) Retry(reason string) { s.retries.WithLabelValues(reason).Inc() }

// Age observes the time from when an event occurred until it was acknowledged.
func (s *Sink) Age(age time.Duration) { s.age.Observe(age.Seconds()) }

// Up says whether the last delivery succeeded.
func (s *Sink) Up(yes bool) { s.up.Set(oneIf(yes)) }

// Waiting says whether the sink waits before it tries again.
func (s *Sink) Waiting(yes bool) { s.waiting.Set(oneIf(yes)) }

// Succeeded says when the last delivery succeeded.
func (s *Sink) Succeeded(at time.Time) { s.success.Set(seconds(at)) }

// Progress is how far a sink has got, computed at each scrape. Its functions
// must not block.
type Progress struct {
	Oldest        func() time.Time // when the oldest event that is not acknowledged came; zero: caught up
	BacklogEvents func() uint64
	BacklogBytes  func() int64
	Cursor        func() uint64
}

// Watch gives the sink's lag, backlog and cursor at each scrape.
func (s *Sink) Watch(p Progress) {
	v := s.set.sink
	v.lag.set(s.name, func() float64 {
		if oldest := p.Oldest(); !oldest.IsZero() {
			return since(oldest)
		}
		return 0
	})
	v.backlogEvents.set(s.name, func() float64 { return float64(p.BacklogEvents()) })
	v.backlogBytes.set(s.name, func() float64 { return float64(p.BacklogBytes()) })
	v.cursor.set(s.name, func() float64 { return float64(p.Cursor()) })
}

// since is the age of t in seconds, never negative; NaN for the zero time.
func since(t time.Time) float64 {
	if t.IsZero() {
		return math.NaN()
	}
	return max(0, time.Since(t).Seconds())
}
