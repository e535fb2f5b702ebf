package kafka

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/transport"
)

// Kind is the source's type in the config.
const Kind = "kafka"

// window is how far back a record may come again: after a partition has moved
// from agent to agent and back.
const window = 24 * time.Hour

// behind is the gauge for the records that are still to be read.
const behind = "behind_records"

// Config is what users set.
type Config struct {
	sources.Common `yaml:",inline"`

	Brokers  []string          `yaml:"brokers" doc:"Where to begin, as host:port; the other brokers are learnt."`
	Topics   []string          `yaml:"topics" doc:"Topics to read."`
	Decoders map[string]string `yaml:"decoders" doc:"Decoder by topic, for topics whose records are not what decoder says. A topic that is named here need not be in topics."`
	Group    string            `yaml:"group" doc:"Consumer group. Agents of the same group share the partitions."`
	Start    string            `yaml:"start" enum:"beginning,end" doc:"Where a new group begins in each partition."`

	// SessionTimeout bounds from below how long the partitions of a killed
	// agent lie still.
	SessionTimeout config.Duration `yaml:"session_timeout" min:"1s" doc:"After how long without a sign of life the group gives an agent's partitions to the others."`

	SASL transport.SASL `yaml:"sasl" doc:"How we show who we are."`
	TLS  config.TLS     `yaml:"tls" doc:"How the connection is secured; tls: {} is enough for a certificate that the system trusts."`
}

// Factory makes Kafka sources.
func Factory() sources.Factory {
	return sources.Define(Kind, defaults, func(Config) sources.Traits {
		return sources.Traits{
			Window: window,
			Gauges: []sources.Gauge{{Name: behind, Help: "Records in the assigned partitions that are still to be read."}},
		}
	}, open)
}

func defaults() Config {
	return Config{
		Common:         sources.Common{Decoder: "prefect"},
		Group:          "shiplog",
		Start:          "beginning",
		SessionTimeout: config.Duration(30 * time.Second),
		TLS:            config.TLS{MinVersion: "1.2"},
	}
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
	if len(c.topics()) == 0 {
		errs = append(errs, config.Problem("topics", "is missing; name at least one"))
	}
	for topic, decoder := range c.Decoders {
		if !slices.Contains([]string{"prefect", "ecs", "json"}, decoder) {
			errs = append(errs, config.Problem("decoders."+topic, "%q is none of prefect, ecs, json", decoder))
		}
	}
	for _, topic := range c.topics() {
		if topic == "" || strings.Contains(topic, "/") {
			errs = append(errs, config.Problem("topics", "%q is not the name of a topic", topic))
		}
	}
	if c.Group == "" {
		errs = append(errs, config.Problem("group", "is missing"))
	}
	return errors.Join(errs...)
}

// topics lists every topic once, in order.
func (c *Config) topics() []string {
	all := slices.Clone(c.Topics)
	for topic := range c.Decoders {
		all = append(all, topic)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
