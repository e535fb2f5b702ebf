//go:build integration

package kafkabroker

import (
	"log/slog"
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// BenchmarkDeliver delivers 1000 events a time to one broker, which shares the
// machine.
func BenchmarkDeliver(b *testing.B) {
	k := harness.StartKafka(b, 1)
	for _, mode := range []string{"exactly_once: false", "exactly_once: true"} {
		b.Run(mode, func(b *testing.B) {
			name := map[bool]string{true: "exact", false: "least"}[mode == "exactly_once: true"]
			create(b, k, name, 6)
			s, err := build(section(k.Plain(), name, mode), sinks.Deps{
				Name: "bench", Agent: "bench", Log: slog.New(slog.DiscardHandler), Monitor: &sinktest.Monitor{},
			})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close(b.Context())
			settle(b, s, sinktest.Batch(0, 1, nil))
			batch := sinktest.Batch(1, 1000, nil)
			b.SetBytes(int64(batch.Bytes()))
			for b.Loop() {
				settle(b, s, batch)
				for _, item := range batch.Items { // new ones, as far as the cursor is concerned
					item.Event.Sequence += 1000
				}
				batch.Through += 1000
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
		})
	}
}
