//go:build integration

package kafkabroker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/sources"
	kafkasource "github.com/shiplog/shiplog/pkg/sources/kafka"
)

// The source comes in by each kind of listener, and needs no more than the
// rights that are documented.
func TestSourceSecurity(t *testing.T) {
	k := harness.StartKafka(t, 1)
	create(t, k, "audit", 2)
	settle(t, open(t, section(k.Plain(), "audit")), sinktest.Batch(0, 200, nil))
	literal := func() *kadm.ACLBuilder { return kadm.NewACLs().ResourcePatternType(kadm.ACLPatternLiteral) }
	tls := "tls: {ca_file: " + k.Authority.CAFile
	own := k.Authority.Issue(harness.KafkaUser, time.Now().Add(time.Hour))
	scram := source(t, k.SCRAM(), "group: scram", tls+"}",
		fmt.Sprintf("sasl: {mechanism: scram-sha-512, username: %s, password: %s}", harness.KafkaUser, harness.KafkaPassword))
	mtls := source(t, k.MTLS(), "group: mtls", fmt.Sprintf("%s, cert_file: %s, key_file: %s}", tls, own.CertFile, own.KeyFile))

	check := func(want string) {
		t.Helper()
		var err error
		if !eventually(t, func() bool {
			err = scram.(sources.Checker).Check(t.Context(), func(string) {})
			return want == "" && err == nil || want != "" && err != nil && strings.Contains(err.Error(), want)
		}) {
			t.Errorf("check: %v, want %q", err, want)
		}
	}
	check("topic audit")
	grant(t, k, literal().Topics("audit").Operations(kadm.OpDescribe))
	check("grant Read on the topic audit")
	grant(t, k, literal().Topics("audit").Operations(kadm.OpRead))
	check("grant Read on the group scram")
	grant(t, k, literal().Groups("scram", "mtls").Operations(kadm.OpRead))
	check("")
	for name, s := range map[string]sources.Source{"SCRAM": scram, "client certificate": mtls} {
		r := &reader{seen: make(map[string]bool)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := s.Run(ctx, nil, r.emit)
		cancel()
		if err != nil || r.count() != 200 || r.distinct() != 200 {
			t.Errorf("%s: read %d records, error %v", name, r.count(), err)
		}
	}
}

// source makes a source that reads what is there.
func source(t *testing.T, brokers []string, lines ...string) sources.Source {
	t.Helper()
	text := fmt.Sprintf("type: kafka\nbrokers: [%s]\ntopics: [audit]\ndecoder: ecs\n%s", strings.Join(brokers, ", "), strings.Join(lines, "\n"))
	section, err := config.ParseSection("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := kafkasource.Factory().Decode(section)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Open(sources.Deps{Name: "bus", Log: slog.New(slog.DiscardHandler), Monitor: &reader{}, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
