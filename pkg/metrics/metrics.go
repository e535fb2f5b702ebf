// Package metrics holds every instrument once: its name, unit, help and labels.
// A Set is made once for a process; the handles that it gives out, one for each
// source and sink, hold their series already, so that counting costs no look-up.
// Labels come from the config and from bounded sets, never from events.
package metrics

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxTypes bounds the label of normalize_fallback_total, which comes from
// events.
const maxTypes = 100

// Set is all instruments of one agent. Its methods, and those of the handles
// that it gives out, may be called from any goroutine.
type Set struct {
	// Journal is the journal's instruments; it is what journal.Deps.Metrics
	// asks for.
	Journal *Journal

	b        *builder
	fallback *prometheus.CounterVec
	process  *prometheus.CounterVec
	letters  *computed
	reload   prometheus.Gauge
	reloaded prometheus.Gauge
	build    *prometheus.GaugeVec
	source   sourceVecs
	sink     sinkVecs

	mu      sync.Mutex                    // guards what follows
	types   map[string]prometheus.Counter // of fallback, by event type
	sources map[string]*Source
	sinks   map[string]*Sink
	figures map[string]*prometheus.GaugeVec
}

// New makes the instruments and registers them. It panics when one of their
// names is registered already: a registry holds one Set.
func New(r prometheus.Registerer) *Set {
	b := newBuilder(r)
	s := &Set{
		b:        b,
		Journal:  newJournal(b),
		fallback: b.counters("normalize_fallback_total"),
		process:  b.counters("processor_errors_total"),
		letters:  b.computed("deadletters"),
		reload:   b.gauges("config_reload_success").WithLabelValues(),
		reloaded: b.gauges("config_last_reload_timestamp_seconds").WithLabelValues(),
		build:    b.gauges("build_info"),
		source:   newSourceVecs(b),
		sink:     newSinkVecs(b),
		types:    map[string]prometheus.Counter{},
		sources:  map[string]*Source{},
		sinks:    map[string]*Sink{},
		figures:  map[string]*prometheus.GaugeVec{},
	}
	return s
}

// Build says what is running.
func (s *Set) Build(version, commit, goVersion string) {
	s.build.WithLabelValues(version, commit, goVersion).Set(1)
}

// Reloaded says whether the last load of the config was applied.
func (s *Set) Reloaded(ok bool) {
	s.reload.Set(oneIf(ok))
	if ok {
		s.reloaded.Set(seconds(time.Now()))
	}
}

// Fallback counts an event of a type that the catalogue does not know.
func (s *Set) Fallback(eventType string) {
	s.mu.Lock()
	c := s.types[eventType]
	if c == nil {
		if len(s.types) >= maxTypes || !isLabel(eventType) {
			eventType = "other"
		}
		eventType = strings.Clone(eventType) // the label outlives the record that it is in
		c = s.fallback.WithLabelValues(eventType)
		s.types[eventType] = c
	}
	s.mu.Unlock()
	c.Inc()
}

// isLabel refuses what nobody could read in a dashboard: the type is a
// stranger's text.
func isLabel(text string) bool {
	if text == "" || len(text) > 128 {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// ProcessorError counts an event that a processor could not treat. Processor is
// its kind.
func (s *Set) ProcessorError(processor string) { s.process.WithLabelValues(processor).Inc() }

// DeadLetters gives, at each scrape, how many dead letters each owner has.
func (s *Set) DeadLetters(count func() map[string]int) { s.letters.all(count) }

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
