package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sources"
)

const (
	rejoinAfter = 3 * time.Second // after a failure to join the group
	watchEvery  = 30 * time.Second
	firstWait   = 250 * time.Millisecond
	longestWait = 15 * time.Second
)

type source struct {
	cfg     Config
	deps    sources.Deps
	cluster *cluster
}

func open(c Config, deps sources.Deps) (sources.Source, error) {
	client := deps.UserAgent
	if client == "" {
		client = "shiplog"
	}
	cl, err := newCluster(c, client)
	if err != nil {
		return nil, err
	}
	return &source{cfg: c, deps: deps, cluster: cl}, nil
}

// Run implements sources.Source.
func (s *source) Run(ctx context.Context, from event.Position, emit sources.Emit) error {
	defer s.cluster.close()
	r := &reading{source: s, emit: emit, next: offsetsOf(from)}
	if s.deps.Once {
		if !s.patiently(ctx, func() error { return r.findEnds(ctx) }) {
			return nil
		}
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: s.cfg.Group, Brokers: s.cfg.Brokers, Dialer: s.cluster.dialer(), Topics: s.cluster.topics,
		SessionTimeout: time.Duration(s.cfg.SessionTimeout), HeartbeatInterval: time.Duration(s.cfg.SessionTimeout) / 10,
		RebalanceTimeout: max(time.Duration(s.cfg.SessionTimeout), rebalanceTimeout), JoinGroupBackoff: rejoinAfter,
		WatchPartitionChanges: true, PartitionWatchInterval: watchEvery, StartOffset: s.startOffset(),
	})
	if err != nil {
		return fmt.Errorf("join the group %s: %w", s.cfg.Group, err)
	}
	defer group.Close() //nolint:errcheck // it never fails
	return s.follow(ctx, group, r)
}

// rebalanceTimeout bounds how long the group waits for a member that is still
// storing what it has read.
const rebalanceTimeout = time.Minute

func (s *source) startOffset() int64 {
	if s.cfg.Start == "end" {
		return kafka.LastOffset
	}
	return kafka.FirstOffset
}

// follow reads in one generation of the group after the other.
func (s *source) follow(ctx context.Context, group *kafka.ConsumerGroup, r *reading) error {
	for {
		g, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // that is how a source ends
		case errors.Is(err, kafka.RebalanceInProgress):
			continue
		case err != nil:
			s.failed(fmt.Errorf("join the group %s: %w", s.cfg.Group, classify(err)), rejoinAfter)
			continue
		}
		done := make(chan outcome, 1)
		g.Start(func(over context.Context) { done <- r.generation(ctx, over, g) })
		if o := <-done; o.finished || o.err != nil {
			return o.err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // as above
		}
	}
}

// outcome is how a generation ended: for good, or with a failure to store, or
// simply by a rebalance.
type outcome struct {
	finished bool
	err      error
}

// patiently repeats what fails, at a bounded rate, until it does not or ctx
// ends; then it says false.
func (s *source) patiently(ctx context.Context, try func() error) bool {
	wait := firstWait
	for ctx.Err() == nil {
		err := try()
		if err == nil {
			s.working()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		s.cluster.forget()
		s.failed(err, wait)
		if !sleep(ctx, wait) {
			return false
		}
		wait = min(2*wait, longestWait)
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *source) failed(err error, wait time.Duration) {
	s.deps.Monitor.Connected(false)
	s.deps.Monitor.Failed(fault.ReasonOf(err), err)
	s.deps.Monitor.Waiting("the brokers", time.Now().Add(wait))
	s.deps.Log.Warn("kafka source waits", "err", err, "wait", wait)
}

func (s *source) working() {
	s.deps.Monitor.Connected(true)
	s.deps.Monitor.Waiting("", time.Time{})
}
