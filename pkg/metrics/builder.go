package metrics

import (
	"math"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// builder makes instruments from their descriptions. An unknown name is a bug
// in this package and panics.
type builder struct {
	registry prometheus.Registerer
	known    map[string]Instrument
}

func newBuilder(r prometheus.Registerer) *builder {
	b := &builder{registry: r, known: map[string]Instrument{}}
	for _, i := range Instruments() {
		b.known[i.Name] = i
	}
	return b
}

func (b *builder) describe(name string) (Instrument, []string) {
	i, ok := b.known[name]
	if !ok {
		panic("metrics: " + name + " is not described")
	}
	if i.Labels == "" {
		return i, nil
	}
	return i, strings.Split(i.Labels, ",")
}

func (b *builder) counters(name string) *prometheus.CounterVec {
	i, labels := b.describe(name)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: Prefix + name, Help: i.Help}, labels)
	b.registry.MustRegister(v)
	return v
}

func (b *builder) gauges(name string) *prometheus.GaugeVec {
	i, labels := b.describe(name)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: Prefix + name, Help: i.Help}, labels)
	b.registry.MustRegister(v)
	return v
}

func (b *builder) histograms(name string, buckets []float64) *prometheus.HistogramVec {
	i, labels := b.describe(name)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: Prefix + name, Help: i.Help, Buckets: buckets}, labels)
	b.registry.MustRegister(v)
	return v
}

func (b *builder) computed(name string) *computed {
	i, labels := b.describe(name)
	c := &computed{desc: prometheus.NewDesc(Prefix+name, i.Help, labels, nil), each: map[string]func() float64{}}
	b.registry.MustRegister(c)
	return c
}

// computed is a gauge whose values are asked for at each scrape, so that a lag
// grows although nothing moves.
type computed struct {
	desc *prometheus.Desc

	mu    sync.Mutex                // guards what follows; not held while callbacks run
	each  map[string]func() float64 // by label value, "" where there is no label
	whole func() map[string]int
}

// set replaces the callback of one label value; nil removes it.
func (c *computed) set(label string, value func() float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value == nil {
		delete(c.each, label)
		return
	}
	c.each[label] = value
}

// all sets a callback that gives every label value at once.
func (c *computed) all(values func() map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = values
}

// Describe implements prometheus.Collector.
func (c *computed) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector. A callback that gives NaN has no
// value to show.
func (c *computed) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	callbacks := make(map[string]func() float64, len(c.each))
	for label, f := range c.each {
		callbacks[label] = f
	}
	whole := c.whole
	c.mu.Unlock()
	for label, f := range callbacks {
		if v := f(); !math.IsNaN(v) {
			ch <- c.metric(label, v)
		}
	}
	if whole != nil {
		for label, n := range whole() {
			ch <- c.metric(label, float64(n))
		}
	}
}

func (c *computed) metric(label string, v float64) prometheus.Metric {
	if label == "" {
		return prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, v)
	}
	return prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, v, label)
}
