package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
)

// Check implements sources.Checker. The rights are tried out with requests that
// change nothing.
func (s *source) Check(ctx context.Context, say func(line string)) error {
	defer s.cluster.close()
	m, err := s.cluster.metadata(ctx)
	if err != nil {
		return err
	}
	say(fmt.Sprintf("%d brokers", len(m.Brokers)))
	var errs []error
	for i := range m.Topics {
		errs = append(errs, s.checkTopic(ctx, &m.Topics[i], say))
	}
	errs = append(errs, s.checkGroup(ctx))
	return errors.Join(errs...)
}

func (s *source) checkTopic(ctx context.Context, t *metadata.ResponseTopic, say func(string)) error {
	switch code := kafka.Error(t.ErrorCode); {
	case code == kafka.UnknownTopicOrPartition:
		return fmt.Errorf("topic %s does not exist, or we may not see it: create it, or grant Describe on it: %w", t.Name, code)
	case code != 0:
		return fmt.Errorf("topic %s: %w", t.Name, code)
	}
	say(fmt.Sprintf("topic %s has %d partitions", t.Name, len(t.Partitions)))
	for i := range t.Partitions {
		p := partition{t.Name, t.Partitions[i].PartitionIndex}
		r, err := s.cluster.ask(ctx, &fetch.Request{
			ReplicaID: -1, MaxBytes: 1, SessionEpoch: -1,
			Topics: []fetch.RequestTopic{{Topic: p.topic, Partitions: []fetch.RequestPartition{{
				Partition: p.number, CurrentLeaderEpoch: -1, LogStartOffset: -1, PartitionMaxBytes: 1,
			}}}},
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		res, ok := r.(*fetch.Response)
		if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
			return errAnswer
		}
		switch code := kafka.Error(res.Topics[0].Partitions[0].ErrorCode); code {
		case 0, kafka.OffsetOutOfRange: // the first offset may be gone
		case kafka.TopicAuthorizationFailed:
			return fmt.Errorf("grant Read on the topic %s: %w", t.Name, code)
		default:
			return fmt.Errorf("read %s: %w", p, code)
		}
	}
	return nil
}

// checkGroup asks for the right to commit by a commit that cannot be: of a
// partition that does not exist, by a member that does not exist. kafka-go's
// heartbeat, the simpler question, reads the answer wrongly: it takes the
// throttle time for the error code.
func (s *source) checkGroup(ctx context.Context) error {
	r, err := s.cluster.ask(ctx, &offsetcommit.Request{
		GroupID: s.cfg.Group, MemberID: "nobody",
		Topics: []offsetcommit.RequestTopic{{Name: s.cluster.topics[0], Partitions: []offsetcommit.RequestPartition{{PartitionIndex: math.MaxInt32}}}},
	})
	if err != nil {
		return fmt.Errorf("try the group %s: %w", s.cfg.Group, err)
	}
	res, ok := r.(*offsetcommit.Response)
	if !ok {
		return errAnswer
	}
	for _, t := range res.Topics {
		for _, part := range t.Partitions {
			if kafka.Error(part.ErrorCode) == kafka.GroupAuthorizationFailed {
				return fmt.Errorf("grant Read on the group %s: %w", s.cfg.Group, kafka.GroupAuthorizationFailed)
			}
		}
	}
	return nil
}
