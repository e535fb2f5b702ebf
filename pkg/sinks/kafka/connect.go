package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

const (
	dialTimeout = 10 * time.Second // of all brokers that are named

	// metadataTTL is how old our picture of the cluster may get while nothing
	// goes wrong. After an error it is asked for anew.
	metadataTTL = 30 * time.Second
)

// cluster is the connections to the brokers, and where the topic is.
type cluster struct {
	topic     string
	bootstrap net.Addr
	transport *kafka.Transport
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
		MetadataTopics: []string{c.Topic},
		ClientID:       clientID,
		SASL:           mechanism,
	}
	if c.TLS.Given {
		if t.TLS, err = transport.TLSConfig(c.TLS); err != nil {
			return nil, err
		}
	}
	return &cluster{topic: c.Topic, bootstrap: kafka.TCP(c.Brokers...), transport: t, conns: conns}, nil
}

// ask sends a request to the broker that it is for.
func (c *cluster) ask(ctx context.Context, req kafka.Request) (kafka.Response, error) {
	return c.transport.RoundTrip(ctx, c.bootstrap, req)
}

// forget drops the connections and what is known of the cluster, so that the
// next request learns it anew: kafka-go has no other way to say that the
// leaders have changed.
func (c *cluster) forget() { c.transport.CloseIdleConnections() }

// close ends all connections, also those that still wait for an answer.
func (c *cluster) close() {
	c.forget()
	c.conns.CloseAll()
}

// leaders returns the leader of each of the topic's partitions, -1 where there
// is none at the moment.
func (c *cluster) leaders(ctx context.Context) ([]int32, error) {
	m, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	partitions := m.Topics[0].Partitions
	up := make(map[int32]bool, len(m.Brokers))
	for _, b := range m.Brokers {
		up[b.NodeID] = true
	}
	leaders := make([]int32, len(partitions))
	for i := range partitions {
		p := &partitions[i]
		if int(p.PartitionIndex) != i {
			return nil, fmt.Errorf("topic %s: the cluster told of only some of its partitions", c.topic)
		}
		leaders[i] = -1
		if up[p.LeaderID] {
			leaders[i] = p.LeaderID
		}
	}
	return leaders, nil
}

// metadata returns what the cluster says of the topic, from the transport's
// memory where it is fresh.
func (c *cluster) metadata(ctx context.Context) (*metadata.Response, error) {
	r, err := c.ask(ctx, &metadata.Request{TopicNames: []string{c.topic}})
	if err != nil {
		return nil, classify(fmt.Errorf("ask %s for the topic %s: %w%s", c.bootstrap, c.topic, err, c.hint(err)))
	}
	m, ok := r.(*metadata.Response)
	if !ok || len(m.Topics) != 1 {
		return nil, fmt.Errorf("ask %s for the topic %s: an answer about something else", c.bootstrap, c.topic)
	}
	switch code := kafka.Error(m.Topics[0].ErrorCode); {
	case code == kafka.UnknownTopicOrPartition:
		return nil, fault.New(fault.Setup, status(code),
			fmt.Errorf("topic %s does not exist, or we may not see it: create it, or grant Describe on it: %w", c.topic, code))
	case code == kafka.TopicAuthorizationFailed:
		return nil, fault.New(fault.Setup, status(code),
			fmt.Errorf("topic %s: we may not see it: grant Describe and Write on it: %w", c.topic, code))
	case code != 0:
		return nil, classify(fmt.Errorf("topic %s: %w", c.topic, code))
	case len(m.Topics[0].Partitions) == 0:
		return nil, fault.New(fault.Retry, "no_partitions", fmt.Errorf("topic %s has no partitions yet", c.topic))
	}
	return m, nil
}

// hint says what it can mean that a broker hangs up without a word.
func (c *cluster) hint(err error) string {
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET):
		return ""
	case c.transport.TLS != nil && c.transport.SASL == nil:
		return "; the broker hung up: perhaps this port speaks no TLS, or wants SASL"
	case c.transport.TLS != nil:
		return "; the broker hung up: perhaps this port speaks no TLS"
	default:
		return "; the broker hung up: perhaps this port wants TLS (write tls: {}) or SASL"
	}
}

var errNoLeader = fault.New(fault.Retry, "leader_not_available", errors.New("the partition has no leader"))

func partitionName(topic string, partition int32) string {
	return topic + "/" + strconv.Itoa(int(partition))
}
