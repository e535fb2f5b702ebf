package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// Check implements sinks.Checker. Rights are tried out with requests that a
// broker refuses for their content, after it has looked at the right.
func (s *sink) Check(ctx context.Context, say func(line string)) error {
	m, err := s.cluster.metadata(ctx)
	if err != nil {
		s.cluster.forget()
		return err
	}
	t := &m.Topics[0]
	replicas := len(t.Partitions[0].ReplicaNodes)
	say(fmt.Sprintf("%d brokers; topic %s has %d partitions with %d replicas", len(m.Brokers), s.cfg.Topic, len(t.Partitions), replicas))
	errs := []error{s.checkLeaders(ctx), s.checkWrite(ctx, t), s.checkTopic(ctx, replicas, say)}
	if s.live != nil {
		errs = append(errs, s.checkTransactions(ctx, say))
	}
	return errors.Join(errs...)
}

func (s *sink) checkLeaders(ctx context.Context) error {
	leaders, err := s.cluster.leaders(ctx)
	if err != nil {
		return err
	}
	for n, leader := range leaders {
		if leader < 0 {
			return fmt.Errorf("partition %s has no leader: its brokers are down", partitionName(s.cfg.Topic, int32(n)))
		}
	}
	return nil
}

// checkWrite asks for the right to write with a request that has no records.
func (s *sink) checkWrite(ctx context.Context, t *metadata.ResponseTopic) error {
	r, err := s.cluster.ask(ctx, &rawproduce.Request{
		Acks: acksAll, Timeout: 1000,
		Topics: []rawproduce.RequestTopic{{Topic: s.cfg.Topic, Partitions: []rawproduce.RequestPartition{{
			Partition: t.Partitions[0].PartitionIndex,
			RecordSet: protocol.RawRecordSet{Reader: bytes.NewReader(make([]byte, sizePrefix))},
		}}}},
	})
	if err != nil {
		return fmt.Errorf("try the right to write to %s: %w", s.cfg.Topic, err)
	}
	answers, _, err := answersOf(r)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.code == kafka.TopicAuthorizationFailed || a.code == kafka.ClusterAuthorizationFailed {
			return fmt.Errorf("grant Write on the topic %s: %w", s.cfg.Topic, a.err())
		}
	}
	return nil
}

// checkTopic compares the topic's settings with ours.
func (s *sink) checkTopic(ctx context.Context, replicas int, say func(string)) error {
	r, err := s.cluster.ask(ctx, &describeconfigs.Request{Resources: []describeconfigs.RequestResource{{
		ResourceType: int8(kafka.ResourceTypeTopic), ResourceName: s.cfg.Topic,
		ConfigNames: []string{"max.message.bytes", "min.insync.replicas", "retention.ms", "cleanup.policy"},
	}}})
	if err != nil {
		return fmt.Errorf("read the settings of topic %s: %w", s.cfg.Topic, err)
	}
	res, ok := r.(*describeconfigs.Response)
	if !ok || len(res.Resources) != 1 {
		return errAnswer
	}
	if code := kafka.Error(res.Resources[0].ErrorCode); code != 0 {
		say("the topic's settings could not be compared (DescribeConfigs is not granted): " + code.Title())
		return nil
	}
	settings := make(map[string]string)
	for _, e := range res.Resources[0].ConfigEntries {
		settings[e.ConfigName] = e.ConfigValue
	}
	return s.compare(settings, replicas, say)
}

func (s *sink) compare(settings map[string]string, replicas int, say func(string)) error {
	var errs []error
	number := func(name string) int64 {
		n, err := strconv.ParseInt(settings[name], 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	if limit := number("max.message.bytes"); limit > 0 && limit < int64(s.cfg.MaxMessageBytes) {
		say(fmt.Sprintf("the topic takes record batches of %d bytes, max_message_bytes is %d: batches that stay larger after compression are sent twice, in halves", limit, s.cfg.MaxMessageBytes))
	}
	switch isr := number("min.insync.replicas"); {
	case isr > int64(replicas):
		say(fmt.Sprintf("min.insync.replicas is %d but the topic has %d: before Kafka 4 it takes no record then; lower the one or raise the other", isr, replicas))
	case isr == 1 && replicas > 1:
		say("min.insync.replicas is 1: an acknowledged event can be lost with one broker; 2 is safer")
	}
	if ms := number("retention.ms"); ms > 0 {
		say(fmt.Sprintf("the topic keeps records for %s after their time", time.Duration(ms)*time.Millisecond))
		if ms < 2*late.Milliseconds() && s.cfg.Timestamp == "occurred" {
			errs = append(errs, fmt.Errorf("topic %s deletes records that are older than %s by the time they occurred, and events may be %s old when they are written: raise retention.ms, or set timestamp: now", s.cfg.Topic, time.Duration(ms)*time.Millisecond, late))
		}
	}
	if strings.Contains(settings["cleanup.policy"], "compact") && !byID(s.cfg.Key) {
		errs = append(errs, fmt.Errorf("topic %s is compacted: of the events with the same %s only the last is kept; use key: event.id, or cleanup.policy=delete", s.cfg.Topic, s.cfg.Key))
	}
	return errors.Join(errs...)
}

// checkTransactions tries the rights that exactly_once needs beyond Write.
func (s *sink) checkTransactions(ctx context.Context, say func(string)) error {
	if s.deps.Agent == "" {
		say("exactly once as transactional id and group " + namePrefix + "AGENT-" + s.deps.Name + "; AGENT is made at the agent's first run, so either grant the prefix " + namePrefix + " or check again after that")
	} else {
		say(fmt.Sprintf("exactly once as transactional id %s, cursor in the group %s", s.live.id, s.live.group))
	}
	err := errors.Join(s.checkTransactionalID(ctx, s.live.id), s.checkGroup(ctx), s.checkRead(ctx))
	if err := s.checkTransactionalID(ctx, s.replay.id); err != nil {
		say("replays will not be possible: " + err.Error())
	}
	return err
}

// named names a transactional id or a group that rights are wanted for.
func (s *sink) named(kind, name string) string {
	if s.deps.Agent == "" {
		return "every " + kind + " that begins with " + namePrefix
	}
	return "the " + kind + " " + name
}

// nobody is a producer id that was never given out.
const nobody = 1<<62 - 1

func (s *sink) checkTransactionalID(ctx context.Context, id string) error {
	r, err := s.cluster.ask(ctx, &addpartitionstotxn.Request{
		TransactionalID: id, ProducerID: nobody,
		Topics: []addpartitionstotxn.RequestTopic{{Name: s.cfg.Topic, Partitions: []int32{0}}},
	})
	if err != nil {
		return fmt.Errorf("try the transactional id %s: %w", id, err)
	}
	res, ok := r.(*addpartitionstotxn.Response)
	if ok && worstOf(res) == kafka.TransactionalIDAuthorizationFailed {
		return fmt.Errorf("grant Write and Describe on %s: %w", s.named("transactional id", id), kafka.TransactionalIDAuthorizationFailed)
	}
	return nil
}

// checkGroup asks for the right to commit by a commit that cannot be: of a
// partition that does not exist, by a member that does not exist. kafka-go's
// heartbeat, the simpler question, reads the answer wrongly: it takes the
// throttle time for the error code.
func (s *sink) checkGroup(ctx context.Context) error {
	r, err := s.cluster.ask(ctx, &offsetcommit.Request{
		GroupID: s.live.group, MemberID: "nobody",
		Topics: []offsetcommit.RequestTopic{{Name: s.cfg.Topic, Partitions: []offsetcommit.RequestPartition{{PartitionIndex: math.MaxInt32}}}},
	})
	if err != nil {
		return fmt.Errorf("try the group %s: %w", s.live.group, err)
	}
	res, ok := r.(*offsetcommit.Response)
	if !ok {
		return errAnswer
	}
	for _, t := range res.Topics {
		for _, part := range t.Partitions {
			if kafka.Error(part.ErrorCode) == kafka.GroupAuthorizationFailed {
				return fmt.Errorf("grant Read on %s: %w", s.named("group", s.live.group), kafka.GroupAuthorizationFailed)
			}
		}
	}
	return nil
}

func (s *sink) checkRead(ctx context.Context) error {
	r, err := s.cluster.ask(ctx, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: 1, MinBytes: 0, MaxBytes: 1, SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: s.cfg.Topic, Partitions: []fetch.RequestPartition{{
			CurrentLeaderEpoch: -1, LogStartOffset: -1, PartitionMaxBytes: 1,
		}}}},
	})
	if err != nil {
		return fmt.Errorf("try the right to read %s: %w", s.cfg.Topic, err)
	}
	res, ok := r.(*fetch.Response)
	if !ok {
		return errAnswer
	}
	for _, t := range res.Topics {
		for i := range t.Partitions {
			if kafka.Error(t.Partitions[i].ErrorCode) == kafka.TopicAuthorizationFailed {
				return fmt.Errorf("grant Read on the topic %s, for the cursor: %w", s.cfg.Topic, kafka.TopicAuthorizationFailed)
			}
		}
	}
	return nil
}
