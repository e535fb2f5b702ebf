package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/sasl"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

const (
	dialTimeout = 10 * time.Second // of all brokers that are named
	metadataTTL = 30 * time.Second // while nothing goes wrong; after an error it is asked for anew

	// askTimeout bounds a request that the broker has no reason to hold back.
	askTimeout = 30 * time.Second
)

// Offsets that ListOffsets is asked for.
const (
	earliest = -2
	latest   = -1
)

// readCommitted is the isolation level of KIP-98.
const readCommitted = 1

// cluster is the connections to the brokers.
type cluster struct {
	topics    []string
	bootstrap net.Addr
	transport *kafka.Transport
	mechanism sasl.Mechanism
	conns     *transport.Conns
}

func newCluster(c Config, clientID string) (*cluster, error) {
	mechanism, err := transport.Mechanism(c.SASL)
	if err != nil {
		return nil, err
	}
	conns := new(transport.Conns)
	t := &kafka.Transport{
		Dial:           conns.Dial,
		DialTimeout:    dialTimeout,
		MetadataTTL:    metadataTTL,
		MetadataTopics: c.topics(),
		ClientID:       clientID,
		SASL:           mechanism,
	}
	if c.TLS.Given {
		if t.TLS, err = transport.TLSConfig(c.TLS); err != nil {
			return nil, err
		}
	}
	return &cluster{topics: c.topics(), bootstrap: kafka.TCP(c.Brokers...), transport: t, mechanism: mechanism, conns: conns}, nil
}

// dialer makes the connections of the group protocol.
func (c *cluster) dialer() *kafka.Dialer {
	return &kafka.Dialer{
		ClientID: c.transport.ClientID, Timeout: dialTimeout, DualStack: true,
		TLS: c.transport.TLS, SASLMechanism: c.mechanism,
	}
}

func (c *cluster) ask(ctx context.Context, req kafka.Request) (kafka.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := c.transport.RoundTrip(ctx, c.bootstrap, req)
	return r, classify(err)
}

// forget drops the connections and what is known of the leaders.
func (c *cluster) forget() { c.transport.CloseIdleConnections() }

// close ends all connections, also those that still wait for an answer.
func (c *cluster) close() {
	c.forget()
	c.conns.CloseAll()
}

// metadata returns what the cluster says of the topics.
func (c *cluster) metadata(ctx context.Context) (*metadata.Response, error) {
	r, err := c.ask(ctx, &metadata.Request{TopicNames: c.topics})
	if err != nil {
		return nil, fmt.Errorf("ask %s for its topics: %w", c.bootstrap, err)
	}
	m, ok := r.(*metadata.Response)
	if !ok {
		return nil, errAnswer
	}
	return m, nil
}

// partition names one partition of one topic.
type partition struct {
	topic  string
	number int32
}

func (p partition) String() string { return fmt.Sprintf("%s/%d", p.topic, p.number) }

// leaders returns the leader of every partition that has one.
func (c *cluster) leaders(ctx context.Context) (map[partition]int32, error) {
	m, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	up := make(map[int32]bool, len(m.Brokers))
	for _, b := range m.Brokers {
		up[b.NodeID] = true
	}
	leaders := make(map[partition]int32)
	for i := range m.Topics {
		t := &m.Topics[i]
		if code := kafka.Error(t.ErrorCode); code != 0 {
			return nil, fmt.Errorf("topic %s: %w", t.Name, classify(code))
		}
		for j := range t.Partitions {
			if p := &t.Partitions[j]; up[p.LeaderID] {
				leaders[partition{t.Name, p.PartitionIndex}] = p.LeaderID
			}
		}
	}
	return leaders, nil
}

// offset resolves earliest or latest. The latest is the end of what a
// read_committed consumer may see.
func (c *cluster) offset(ctx context.Context, p partition, at int64) (int64, error) {
	r, err := c.ask(ctx, &listoffsets.Request{
		ReplicaID: -1, IsolationLevel: readCommitted,
		Topics: []listoffsets.RequestTopic{{Topic: p.topic, Partitions: []listoffsets.RequestPartition{{
			Partition: p.number, CurrentLeaderEpoch: -1, Timestamp: at,
		}}}},
	})
	if err != nil {
		return 0, fmt.Errorf("offsets of %s: %w", p, err)
	}
	res, ok := r.(*listoffsets.Response)
	if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return 0, errAnswer
	}
	part := &res.Topics[0].Partitions[0]
	if code := kafka.Error(part.ErrorCode); code != 0 {
		return 0, fmt.Errorf("offsets of %s: %w", p, classify(code))
	}
	return part.Offset, nil
}

var errAnswer = errors.New("an answer about something else")

// classify gives an error its kind and a reason from a bounded set.
func classify(err error) error {
	code, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return transport.Classify(err)
	}
	kind := fault.Retry
	switch code {
	case kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState:
		kind = fault.Credentials
	case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed,
		kafka.UnknownTopicOrPartition, kafka.InvalidTopic, kafka.InvalidGroupId, kafka.InvalidSessionTimeout,
		kafka.InconsistentGroupProtocol:
		kind = fault.Setup
	default:
	}
	return fault.New(kind, fmt.Sprintf("kafka_%d", int(code)), err)
}
