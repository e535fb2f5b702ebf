package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type sourceVecs struct {
	records, bytes, invalid, duplicates, dropped, late, conflicting, errors *prometheus.CounterVec
	connected, waiting                                                      *prometheus.GaugeVec
	lag                                                                     *computed
}

func newSourceVecs(b *builder) sourceVecs {
	return sourceVecs{
		records:     b.counters("source_records_total"),
		bytes:       b.counters("source_bytes_total"),
		invalid:     b.counters("source_invalid_total"),
		duplicates:  b.counters("source_duplicates_total"),
		dropped:     b.counters("source_dropped_total"),
		late:        b.counters("source_late_events_total"),
		conflicting: b.counters("source_conflicting_ids_total"),
		errors:      b.counters("source_errors_total"),
		connected:   b.gauges("source_connected"),
		waiting:     b.gauges("source_waiting"),
		lag:         b.computed("source_lag_seconds"),
	}
}

// Source is the instruments of one source.
type Source struct {
	set  *Set
	name string

	records, bytes, duplicates, late, conflicting prometheus.Counter
	invalid, dropped, errors                      *prometheus.CounterVec // by reason
	connected, waiting                            prometheus.Gauge
}

// Source gives the instruments of a source, the same ones for the same name.
func (s *Set) Source(name string) *Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.sources[name]; have != nil {
		return have
	}
	of := prometheus.Labels{"source": name}
	v := s.source
	h := &Source{
		set:         s,
		name:        name,
		records:     v.records.With(of),
		bytes:       v.bytes.With(of),
		duplicates:  v.duplicates.With(of),
		late:        v.late.With(of),
		conflicting: v.conflicting.With(of),
		invalid:     v.invalid.MustCurryWith(of),
		dropped:     v.dropped.MustCurryWith(of),
		errors:      v.errors.MustCurryWith(of),
		connected:   v.connected.With(of),
		waiting:     v.waiting.With(of),
	}
	s.sources[name] = h
	return h
}

// RemoveSource deletes the series of a source that is no longer configured.
func (s *Set) RemoveSource(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sources, name)
	of := prometheus.Labels{"source": name}
	v := s.source
	for _, c := range []*prometheus.CounterVec{v.records, v.bytes, v.invalid, v.duplicates, v.dropped, v.late, v.conflicting, v.errors} {
		c.DeletePartialMatch(of)
	}
	for _, g := range []*prometheus.GaugeVec{v.connected, v.waiting} {
		g.DeletePartialMatch(of)
	}
	for _, g := range s.figures {
		g.DeletePartialMatch(of)
	}
	v.lag.set(name, nil)
}

// Records counts records and their raw bytes once they are settled.
func (s *Source) Records(n, bytes int) {
	s.records.Add(float64(n))
	s.bytes.Add(float64(bytes))
}

// Invalid counts records that became dead letters.
func (s *Source) Invalid(reason string, n int) { s.invalid.WithLabelValues(reason).Add(float64(n)) }

// Dropped counts events that a processor dropped; reason is its kind.
func (s *Source) Dropped(reason string, n int) { s.dropped.WithLabelValues(reason).Add(float64(n)) }

// Duplicates counts records whose event is in the journal already.
func (s *Source) Duplicates(n int) { s.duplicates.Add(float64(n)) }

// Late counts events that arrived after later ones.
func (s *Source) Late(n int) { s.late.Add(float64(n)) }

// Conflicting counts records that share an id with an event of other content.
func (s *Source) Conflicting(n int) { s.conflicting.Add(float64(n)) }

// Failed counts a failure that the source lived through.
func (s *Source) Failed(reason string) { s.errors.WithLabelValues(reason).Inc() }

// Fallback counts an event of a type that the catalogue does not know, with
// those of all sources.
func (s *Source) Fallback(eventType string) { s.set.Fallback(eventType) }

// ProcessorError counts an event that a processor of that kind could not treat,
// with those of all sources.
func (s *Source) ProcessorError(kind string) { s.set.ProcessorError(kind) }

// Connected says whether the upstream answers.
func (s *Source) Connected(yes bool) { s.connected.Set(oneIf(yes)) }

// Waiting says whether the source waits for something.
func (s *Source) Waiting(yes bool) { s.waiting.Set(oneIf(yes)) }

// Lag gives source_lag_seconds at each scrape: the time since what complete
// returns. While that is the zero time, the source shows no lag. Complete must
// not block.
func (s *Source) Lag(complete func() time.Time) {
	s.set.source.lag.set(s.name, func() float64 { return since(complete()) })
}

// Gauge makes a gauge of the source's own kind, shiplog_source_<name>, and
// returns what sets it. Help belongs to the name; the first one given stays.
// Until it is set it is not shown: nobody could tell 0 from what is not known.
func (s *Source) Gauge(name, help string) func(float64) {
	s.set.mu.Lock()
	defer s.set.mu.Unlock()
	v := s.set.figures[name]
	if v == nil {
		v = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: Prefix + "source_" + name, Help: help}, []string{"source"})
		s.set.b.registry.MustRegister(v)
		s.set.figures[name] = v
	}
	series := sync.OnceValue(func() prometheus.Gauge { return v.WithLabelValues(s.name) })
	return func(value float64) { series().Set(value) }
}
