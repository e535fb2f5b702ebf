package pipeline

import (
	"maps"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/metrics"
)

// sourceMonitor is where a source tells how it is doing. It implements
// sources.Monitor.
type sourceMonitor struct {
	meter  *metrics.Source
	gauges map[string]func(float64) // set once

	mu    sync.Mutex // guards state
	state sourceState
}

type sourceState struct {
	phase      string
	since      time.Time // of phase
	connected  *bool     // nil: it did not say
	errors     uint64
	lastErr    string
	lastAt     time.Time
	lastReason string
	complete   time.Time
	waiting    string
	waitSince  time.Time
	next       time.Time
	gauges     map[string]float64
}

// Connected implements sources.Monitor.
func (m *sourceMonitor) Connected(yes bool) {
	m.meter.Connected(yes)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.connected = &yes
}

// Failed implements sources.Monitor.
func (m *sourceMonitor) Failed(reason string, err error) {
	m.meter.Failed(reason)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.errors++
	m.state.lastAt, m.state.lastReason, m.state.lastErr = time.Now(), reason, reason
	if err != nil {
		m.state.lastErr = err.Error()
	}
}

// Complete implements sources.Monitor.
func (m *sourceMonitor) Complete(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.After(m.state.complete) {
		m.state.complete = t
	}
}

// Waiting implements sources.Monitor.
func (m *sourceMonitor) Waiting(text string, next time.Time) {
	m.meter.Waiting(text != "")
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.waiting != text {
		m.state.waitSince = time.Now()
	}
	m.state.waiting, m.state.next = text, next
}

// Gauge implements sources.Monitor.
func (m *sourceMonitor) Gauge(name string, value float64) {
	if set := m.gauges[name]; set != nil {
		set(value)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.gauges == nil {
		m.state.gauges = make(map[string]float64)
	}
	m.state.gauges[name] = value
}

func (m *sourceMonitor) enter(phase string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.state
	if s.phase != phase {
		s.phase, s.since = phase, time.Now()
	}
	s.waiting, s.next = "", time.Time{}
	if err == nil && phase == "running" {
		m.meter.Waiting(false)
	}
}

func (m *sourceMonitor) completeUntil() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.complete
}

// snapshot returns the state, with times in UTC as a status tells them.
func (m *sourceMonitor) snapshot() sourceState {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.state
	s.gauges = maps.Clone(s.gauges)
	s.since, s.complete, s.waitSince = s.since.UTC(), s.complete.UTC(), s.waitSince.UTC()
	s.next, s.lastAt = s.next.UTC(), s.lastAt.UTC()
	return s
}

// sinkMonitor is where a sink tells what only it knows. It implements
// sinks.Monitor.
type sinkMonitor struct {
	meter *metrics.Sink
	lane  *lane // set before the sink is used
}

// Request implements sinks.Monitor.
func (m *sinkMonitor) Request(status string, took time.Duration, bytes int) {
	m.meter.Request(status, took, bytes)
	m.lane.requested(bytes)
}

// Waiting implements sinks.Monitor.
func (m *sinkMonitor) Waiting(text string) {
	m.lane.mu.Lock()
	defer m.lane.mu.Unlock()
	m.lane.state.text = text
}
