package kafka

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go/compress"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// Kind is the sink's type in the config.
const Kind = "kafka"

// Config is what users set.
type Config struct {
	sinks.Common `yaml:",inline"`

	// Brokers are where to begin, as host:port; the others are learnt.
	Brokers []string `yaml:"brokers"`

	// Topic takes every event. It is never created.
	Topic string `yaml:"topic"`

	// Key is the field whose value decides the partition: event.id spreads
	// evenly; user.name, organization.id and the others keep together, and in
	// order, what has the same value. An event without it has its id as key.
	Key string `yaml:"key"`

	// Timestamp is what the record's time is: "occurred", or "now" for topics
	// whose retention is so short that late events would be deleted at once.
	Timestamp string `yaml:"timestamp"`

	// ExactlyOnce delivers each batch in a transaction, together with the
	// cursor.
	ExactlyOnce bool `yaml:"exactly_once"`

	// MaxMessageBytes bounds one record batch before compression. At most the
	// topic's max.message.bytes.
	MaxMessageBytes config.Size `yaml:"max_message_bytes"`

	SASL SASL `yaml:"sasl"`
}

// SASL is how we show who we are. The zero value: not at all.
type SASL struct {
	Mechanism string        `yaml:"mechanism"` // plain, scram-sha-256 or scram-sha-512
	Username  string        `yaml:"username"`
	Password  config.Secret `yaml:"password"`
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
		errs = append(errs, errors.New("brokers: none given; name at least one as host:port"))
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("brokers: %q is not host:port", b))
		}
	}
	if c.Topic == "" {
		errs = append(errs, errors.New("topic: missing"))
	}
	if _, ok := keys[c.Key]; !ok {
		errs = append(errs, fmt.Errorf("key: %q is not a field that records can be keyed by; there are %s", c.Key, strings.Join(keyNames(), ", ")))
	}
	if c.Timestamp != "occurred" && c.Timestamp != "now" {
		errs = append(errs, fmt.Errorf("timestamp: %q is neither occurred nor now", c.Timestamp))
	}
	if _, err := codec(c.Compression); err != nil {
		errs = append(errs, err)
	}
	if c.MaxMessageBytes < 1024 {
		errs = append(errs, errors.New("max_message_bytes: less than 1KiB holds no event"))
	}
	errs = append(errs, c.SASL.validate())
	if c.ExactlyOnce {
		c.Concurrency = 1 // a producer has one transaction at a time
	}
	return errors.Join(errs...)
}

func (s SASL) validate() error {
	switch {
	case s.Mechanism == "":
		return nil
	case !slices.Contains([]string{"plain", "scram-sha-256", "scram-sha-512"}, strings.ToLower(s.Mechanism)):
		return fmt.Errorf("sasl.mechanism: %q is not known; there are plain, scram-sha-256 and scram-sha-512", s.Mechanism)
	case s.Username == "":
		return errors.New("sasl.username: missing")
	}
	return nil
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
		return 0, fmt.Errorf("compression: %q is not known; there are none, gzip, snappy, lz4 and zstd", name)
	}
}
