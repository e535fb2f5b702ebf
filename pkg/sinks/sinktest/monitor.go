package sinktest

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sinks"
)

// Monitor records what a sink tells its monitor.
type Monitor struct {
	mu       sync.Mutex // guards what follows
	requests map[string]int
	bytes    int
	waiting  string
}

// Request implements sinks.Monitor.
func (m *Monitor) Request(status string, _ time.Duration, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.requests == nil {
		m.requests = make(map[string]int)
	}
	m.requests[status]++
	m.bytes += bytes
}

// Waiting implements sinks.Monitor.
func (m *Monitor) Waiting(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = text
}

// Requests returns how many requests ended with a status.
func (m *Monitor) Requests(status string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests[status]
}

// Total returns how many requests there were, and the bytes of all.
func (m *Monitor) Total() (requests, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.requests {
		requests += n
	}
	return requests, m.bytes
}

// WaitsFor returns the text of the last Waiting.
func (m *Monitor) WaitsFor() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waiting
}

// Deps returns what a sink under test is given: a directory of its own, a log
// that the test prints where it fails, and the monitor.
func Deps(t testing.TB, m *Monitor) sinks.Deps {
	if m == nil {
		m = &Monitor{}
	}
	return sinks.Deps{
		Name:      "tested",
		Log:       slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Monitor:   m,
		StateDir:  t.TempDir(),
		Agent:     "2f1c8a50-7d3e-4b58-9a51-0c9f4f1e6c77",
		Journal:   "8d1f0c6a5b7e4f0e9a3c2b1d0e9f8a7b",
		UserAgent: "shiplog/test",
	}
}
