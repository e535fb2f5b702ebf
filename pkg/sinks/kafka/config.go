package kafka

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/segmentio/kafka-go/compress"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// Kind is the sink's type in the config.
const Kind = "kafka"

// Config is what users set.
type Config struct {
	sinks.Common `yaml:",inline"`

	Brokers []string `yaml:"brokers" doc:"Where to begin, as host:port; the other brokers are learnt."`
	Topic   string   `yaml:"topic" doc:"Topic that takes every event. It is not created."`

	// Key is one of the names in keys. An event without the field has its id as
	// key.
	Key string `yaml:"key" doc:"Field whose value decides the partition: event.id spreads evenly; user.name (who did it: e-mail, else name, else id), organization.id and others keep together, and in order, what has the same value."`

	Timestamp       string      `yaml:"timestamp" enum:"occurred,now" doc:"Time of the records: when the event occurred, unless that is more than a day ago, for topics delete by this time; or always the present."`
	ExactlyOnce     bool        `yaml:"exactly_once" doc:"Deliver each batch in a transaction, together with the cursor. Needs the rights for a transactional id and a consumer group, both named shiplog-AGENT-SINK."`
	MaxMessageBytes config.Size `yaml:"max_message_bytes" min:"1KiB" doc:"Largest record batch before compression; at most the topic's max.message.bytes."`

	SASL transport.SASL `yaml:"sasl" doc:"How we show who we are."`
}

// Factory makes Kafka sinks.
func Factory() sinks.Factory { return sinks.Define(Kind, defaults, open) }

func defaults() Config {
	c := Config{
		Common:          sinks.Defaults("ecs"),
		Key:             "event.id",
		Timestamp:       "occurred",
		MaxMessageBytes: 1_000_000,
	}
	c.Compression = "zstd"
	c.Concurrency = 1 // more would give up the order within a partition
	return c
}

// Validate returns everything that is wrong with the values.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, config.Problem("brokers", "is missing; name at least one as host:port"))
	}
	for i, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, config.Problem(fmt.Sprintf("brokers[%d]", i), "%q is not host:port", b))
		}
	}
	if c.Topic == "" {
		errs = append(errs, config.Problem("topic", "is missing"))
	}
	if _, ok := keys[c.Key]; !ok {
		errs = append(errs, config.Problem("key", "%q is not a field that records can be keyed by; write one of %s", c.Key, strings.Join(keyNames(), ", ")))
	}
	if _, err := codec(c.Compression); err != nil {
		errs = append(errs, config.Problem("compression", "%w", err))
	}
	if c.ExactlyOnce {
		c.Concurrency = 1 // a producer has one transaction at a time
	}
	if c.Concurrency > 1 {
		errs = append(errs, config.Warn("concurrency", "with more than one batch in flight the records of a partition may change places"))
	}
	return errors.Join(errs...)
}

// codec returns the compression of a name.
func codec(name string) (compress.Compression, error) {
	switch name {
	case "", "none":
		return compress.None, nil
	case "gzip":
		return compress.Gzip, nil
	case "snappy":
		return compress.Snappy, nil
	case "lz4":
		return compress.Lz4, nil
	case "zstd":
		return compress.Zstd, nil
	default:
		return 0, fmt.Errorf("%q is none of none, gzip, snappy, lz4, zstd", name)
	}
}
