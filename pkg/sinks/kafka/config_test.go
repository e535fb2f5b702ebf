package kafka

import (
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/config"
)

func TestConfig(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"whole":               {"brokers: [a:9092, b:9092]\ntopic: t\nkey: user.name\ncompression: lz4\ntls: {}\nsasl: {mechanism: plain, username: u, password: p}", ""},
		"no broker":           {"topic: t", "brokers"},
		"no port":             {"brokers: [a]\ntopic: t", "host:port"},
		"no topic":            {"brokers: [a:1]", "topic"},
		"unknown key":         {"brokers: [a:1]\ntopic: t\nkey: user.shoe", "user.shoe"},
		"unknown compression": {"brokers: [a:1]\ntopic: t\ncompression: rar", "rar"},
		"unknown mechanism":   {"brokers: [a:1]\ntopic: t\nsasl: {mechanism: guess, username: u, password: p}", "guess"},
		"tiny messages":       {"brokers: [a:1]\ntopic: t\nmax_message_bytes: 10", "max_message_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			section, err := config.ParseSection("test.yaml", []byte("type: kafka\n"+test.text))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Factory().Decode(section)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want one about %q", err, test.want)
			}
		})
	}
}

func TestTransactionsComeOneByOne(t *testing.T) {
	c := defaults()
	c.Brokers, c.Topic, c.ExactlyOnce, c.Concurrency = []string{"a:1"}, "t", true, 8
	if err := c.Validate(); err != nil || c.Concurrency != 1 {
		t.Errorf("concurrency %d, error %v", c.Concurrency, err)
	}
}
