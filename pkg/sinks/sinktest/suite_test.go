package sinktest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// A sink that keeps the contract passes the suite: this one is its shortest
// model, destination and sink in one.
func TestModelSinkKeepsContract(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{New: func(*testing.T) sinktest.Destination { return &model{} }})
}

type model struct {
	mu        sync.Mutex // guards what follows
	accepted  []string
	condition sinktest.Condition
	marked    map[string]sinks.Outcome
	hang      chan struct{}
}

type modelSink struct {
	*model
	monitor sinks.Monitor
}

func (m *model) Open(_ *testing.T, deps sinks.Deps) sinks.Sink {
	return &modelSink{model: m, monitor: deps.Monitor}
}

func (m *model) Accepted() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.accepted)
}

func (m *model) Meet(c sinktest.Condition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.condition = c
}

func (m *model) Mark(id string, o sinks.Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.marked == nil {
		m.marked = make(map[string]sinks.Outcome)
	}
	m.marked[id] = o
}

func (m *model) Hang() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hang = make(chan struct{}, 1)
	return m.hang
}

func (m *modelSink) Close(context.Context) error { return nil }

func (m *modelSink) Deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	if err := ctx.Err(); err != nil {
		return sinks.Report{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hang != nil {
		m.hang <- struct{}{}
		<-ctx.Done()
		return sinks.Report{}, ctx.Err()
	}
	m.monitor.Request("ok", time.Millisecond, b.Bytes())
	if err := meet(m.condition, len(b.Items)); err != nil {
		return sinks.Report{}, err
	}
	var r sinks.Report
	for i := range b.Items {
		if outcome := m.take(b.Items[i].Event.ID); outcome != 0 {
			r.Results = append(r.Results, sinks.Result{Index: i, Outcome: outcome, Err: errors.New("marked")})
		}
	}
	return r, nil
}

func (m *modelSink) take(id string) sinks.Outcome {
	outcome := m.marked[id]
	switch {
	case outcome == sinks.Again:
		delete(m.marked, id)
	case outcome == 0 && slices.Contains(m.accepted, id):
		return sinks.Duplicate
	case outcome == 0:
		m.accepted = append(m.accepted, id)
	}
	return outcome
}

func meet(c sinktest.Condition, events int) error {
	err := errors.New("condition")
	switch {
	case c == sinktest.Busy:
		return &fault.Error{Kind: fault.Retry, After: sinktest.BusyFor, Err: err}
	case c == sinktest.Small && events > 1:
		return fault.New(fault.TooLarge, "", err)
	case c == sinktest.Locked:
		return fault.New(fault.Credentials, "", err)
	case c == sinktest.Unready:
		return fault.New(fault.Setup, "", err)
	default:
		return nil
	}
}
