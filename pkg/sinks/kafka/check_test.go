package kafka

import (
	"strings"
	"testing"
)

// What is told of a topic's settings, and what is wrong with them.
func TestCompareWithTheTopic(t *testing.T) {
	for name, row := range map[string]struct {
		setting, value string
		change         func(*Config)
		says, wrong    string // parts of what is said and of the error; empty: nothing is
	}{
		"batches too large":       {"max.message.bytes", "1000", nil, "sent twice, in halves", ""},
		"too few replicas":        {"min.insync.replicas", "3", nil, "takes no record then", ""},
		"a copy that may be lost": {"min.insync.replicas", "1", nil, "2 is safer", ""},
		"kept for a week":         {"retention.ms", "604800000", nil, "168h0m0s after their time", ""},
		"kept for an hour":        {"retention.ms", "3600000", nil, "1h0m0s", "raise retention.ms"},
		"an hour from now":        {"retention.ms", "3600000", func(c *Config) { c.Timestamp = "now" }, "1h0m0s", ""},
		"compacted by id":         {"cleanup.policy", "compact", nil, "", ""},
		"compacted by short id":   {"cleanup.policy", "compact", func(c *Config) { c.Key = "id" }, "", ""},
		"compacted by account":    {"cleanup.policy", "compact,delete", func(c *Config) { c.Key = "account" }, "", "only the last is kept"},
		"deleted, keyed by actor": {"cleanup.policy", "delete", func(c *Config) { c.Key = "actor" }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sink{cfg: defaults()}
			if row.change != nil {
				row.change(&s.cfg)
			}
			var said []string
			err := s.compare(map[string]string{row.setting: row.value}, 2, func(line string) { said = append(said, line) })
			if got := strings.Join(said, "\n"); (got == "") != (row.says == "") || !strings.Contains(got, row.says) {
				t.Errorf("got %q, want %q in it", got, row.says)
			}
			if (err == nil) != (row.wrong == "") || err != nil && !strings.Contains(err.Error(), row.wrong) {
				t.Errorf("got %v, want %q in it", err, row.wrong)
			}
		})
	}
}
