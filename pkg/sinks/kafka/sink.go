package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/compress"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// sink produces to one topic. Without transactions it keeps no state but the
// connections.
type sink struct {
	cfg     Config
	deps    sinks.Deps
	cluster *cluster
	codec   compress.Compression
	key     func(*event.Event) string
	batches sync.Pool // of *recordBatch: the memory of requests that were answered

	// live and replay write in transactions; nil without exactly_once. They
	// are two, so that a replay leaves the cursor alone.
	live, replay *producer
}

func open(c Config, deps sinks.Deps) (sinks.Sink, error) {
	codec, err := codec(c.Compression)
	if err != nil {
		return nil, err
	}
	client := deps.UserAgent
	if client == "" {
		client = "shiplog"
	}
	cl, err := newCluster(c, client)
	if err != nil {
		return nil, err
	}
	s := &sink{cfg: c, deps: deps, cluster: cl, codec: codec, key: keys[c.Key]}
	if !c.ExactlyOnce {
		return s, nil
	}
	name := namePrefix + deps.Agent + "-" + deps.Name
	s.live = newProducer(s, name, name)
	s.replay = newProducer(s, name+"-replay", "")
	return &resumer{s}, nil
}

// namePrefix begins every transactional id and group.
const namePrefix = "shiplog-"

// Deliver implements sinks.Sink.
func (s *sink) Deliver(ctx context.Context, b sinks.Batch) (sinks.Report, error) {
	if len(b.Items) == 0 {
		return sinks.Report{}, nil
	}
	leaders, err := s.cluster.leaders(ctx)
	if err != nil {
		s.cluster.forget()
		return sinks.Report{}, err
	}
	p := s.plan(b, leaders, nil, all(len(b.Items)))
	p.run(ctx)
	if p.stale {
		s.cluster.forget()
	}
	if p.accepted == 0 && len(p.results) == len(b.Items) && p.refused == 0 {
		return sinks.Report{}, p.results[0].Err // nothing got through: one cause is enough
	}
	return sinks.Report{Results: p.results}, nil
}

func all(n int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// Close implements sinks.Sink.
func (s *sink) Close(context.Context) error {
	s.cluster.close()
	return nil
}

// late is how old an event may be and still give its record its own time. A
// topic deletes by the time of the records: one that is a week old when it is
// written may be gone before anybody reads it.
const late = 24 * time.Hour

// timeOf is the time of an event's record.
func (s *sink) timeOf(e *event.Event, now time.Time) time.Time {
	at := e.Occurred
	if at.IsZero() {
		at = e.Received
	}
	if s.cfg.Timestamp == "now" || now.Sub(at) > late {
		return now
	}
	return at
}
