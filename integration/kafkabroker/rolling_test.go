//go:build integration

package kafkabroker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/integration/topic"
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
	"github.com/shiplog/shiplog/pkg/sources"
	kafkasource "github.com/shiplog/shiplog/pkg/sources/kafka"
)

// Three brokers are restarted one after the other, one of them by a power cut,
// while two sinks write and a source reads. Nothing is lost, and with
// exactly_once nothing is doubled, neither in the topic nor at the reader.
func TestRollingRestart(t *testing.T) {
	k := harness.StartKafka(t, 3)
	create(t, k, "least", 6)
	create(t, k, "exact", 6)
	rolled := make(chan struct{})
	var wg sync.WaitGroup
	counts := make(map[string]int)
	var mu sync.Mutex
	for name, mode := range map[string]string{"least": "exactly_once: false", "exact": "exactly_once: true"} {
		s := open(t, section(k.Plain(), name, mode, "timeout: 10s"))
		wg.Go(func() {
			n := shipUntil(t, s, rolled)
			mu.Lock()
			defer mu.Unlock()
			counts[name] = n
		})
	}
	read := follow(t, k, "exact")

	for i, b := range k.Brokers {
		if i == 1 {
			b.Kill()
		} else {
			b.Stop()
		}
		b.Start()
		k.Ready(3)
	}
	close(rolled)
	wg.Wait()
	t.Logf("delivered %v events across three restarts", counts)

	once(t, committed(t, k, "exact"), counts["exact"])
	ids := topic.IDs(topic.Committed(t, "least", kgo.SeedBrokers(k.Plain()...)))
	slices.Sort(ids)
	distinct := slices.Compact(slices.Clone(ids))
	if len(distinct) != counts["least"] {
		t.Errorf("%d of %d events in the topic", len(distinct), counts["least"])
	}
	t.Logf("at least once: %d of %d records are repeats", len(ids)-len(distinct), len(ids))
	if !eventually(t, func() bool { return read.count() >= counts["exact"] }) {
		t.Errorf("the source has read %d of %d records", read.count(), counts["exact"])
	}
	if n := read.distinct(); n != counts["exact"] || n != read.count() {
		t.Errorf("the source has read %d records, %d different ones, want %d", read.count(), n, counts["exact"])
	}
}

// shipUntil delivers batch after batch until rolled is closed, and returns how
// many events it has delivered.
func shipUntil(t *testing.T, s sinks.Sink, rolled <-chan struct{}) int {
	for n := 0; ; n += each {
		select {
		case <-rolled:
			return n
		default:
		}
		if n >= 9_950 { // beyond, ids no longer sort as numbers
			<-rolled
			return n
		}
		if !again(t, s, sinktest.Batch(n, each, nil)) {
			t.Errorf("events from %d on were not delivered", n)
			return n
		}
	}
}

// again delivers until all is accepted.
func again(t *testing.T, s sinks.Sink, b sinks.Batch) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); <-tick.C {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		r, err := s.Deliver(ctx, b)
		cancel()
		if err != nil {
			continue
		}
		var rest []sinks.Item
		for _, res := range r.Results {
			if res.Outcome == sinks.Again {
				rest = append(rest, b.Items[res.Index])
			}
		}
		if b.Items = rest; len(rest) == 0 {
			return true
		}
	}
	return false
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

// follow reads a topic beside the test.
func follow(t *testing.T, k *harness.Kafka, name string) *reader {
	t.Helper()
	text := fmt.Sprintf("type: kafka\nbrokers: [%s]\ntopics: [%s]\ndecoder: ecs\nsession_timeout: 6s", strings.Join(k.Plain(), ", "), name)
	section, err := config.ParseSection("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := kafkasource.Factory().Decode(section)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{seen: make(map[string]bool)}
	s, err := spec.Open(sources.Deps{Name: "bus", Log: slog.New(slog.DiscardHandler), Monitor: r})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, nil, r.emit) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("source: %v", err)
		}
	})
	return r
}
