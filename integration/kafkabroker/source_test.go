//go:build integration

package kafkabroker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/sources"
	kafkasource "github.com/shiplog/shiplog/pkg/sources/kafka"
)

// The source comes in by each kind of listener, and needs no more than the
// rights that are documented.
func testSource(t *testing.T, k *harness.Kafka) {
	create(t, k, "read", 2)
	settle(t, open(t, section(k.Plain(), "read")), sinktest.Batch(0, 200, nil))
	literal := func() *kadm.ACLBuilder { return kadm.NewACLs().ResourcePatternType(kadm.ACLPatternLiteral) }
	tls := "tls: {ca_file: " + k.Authority.CAFile
	own := k.Authority.Issue(harness.KafkaUser, time.Now().Add(time.Hour))
	scram := source(t, k.SCRAM(), "group: scram", tls+"}",
		fmt.Sprintf("sasl: {mechanism: scram-sha-512, username: %s, password: %s}", harness.KafkaUser, harness.KafkaPassword))
	mtls := source(t, k.MTLS(), "group: mtls", fmt.Sprintf("%s, cert_file: %s, key_file: %s}", tls, own.CertFile, own.KeyFile))

	grant(t, k, literal().Topics("read").Operations(kadm.OpDescribe, kadm.OpRead))
	grant(t, k, literal().Groups("scram", "mtls").Operations(kadm.OpRead))
	for name, s := range map[string]sources.Source{"SCRAM": scram, "client certificate": mtls} {
		r := &reader{seen: make(map[string]bool)}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
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
	text := fmt.Sprintf("type: kafka\nbrokers: [%s]\ntopics: [read]\ndecoder: ecs\n%s", strings.Join(brokers, ", "), strings.Join(lines, "\n"))
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

// reader is a journal that counts.
type reader struct {
	mu   sync.Mutex // guards what follows
	n    int
	seen map[string]bool
}

func (r *reader) emit(_ context.Context, records []event.Record, _ event.Position) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range records {
		r.n++
		r.seen[rec.Origin.String()+string(rec.Raw)] = true
	}
	return nil
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

func (r *reader) distinct() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func (r *reader) Connected(bool)            {}
func (r *reader) Complete(time.Time)        {}
func (r *reader) Waiting(string, time.Time) {}
func (r *reader) Gauge(string, float64)     {}
func (r *reader) Failed(string, error)      {}
