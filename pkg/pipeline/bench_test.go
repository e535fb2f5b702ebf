package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/deadletter"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/journal"
	"github.com/shiplog/shiplog/pkg/normalize"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sources"
)

// counting is a sink that only counts.
type counting struct {
	n    atomic.Int64
	want int64
	full chan struct{}
}

func (c *counting) Deliver(_ context.Context, b sinks.Batch) (sinks.Report, error) {
	if c.n.Add(int64(len(b.Items))) == c.want {
		close(c.full)
	}
	return sinks.Report{}, nil
}

func (c *counting) Close(context.Context) error { return nil }

// benchRecord is a record of a usual size, about 1.1 kB.
func benchRecord(i int) []byte {
	return fmt.Appendf(nil, `{"id":"%08d-7769-42ba-ba0a-000000000000","occurred":"2026-01-01T00:00:00.000740Z","event":"prefect-cloud.block-document.updated",`+
		`"resource":{"prefect.resource.id":"prefect-cloud.block-document.3567cdad-7be3-4363-a38d-d704fa876426","prefect.resource.name":"block-document-1889"},`+
		`"related":[{"prefect.resource.id":"prefect-cloud.user.d8513e31-6129-4e43-83f9-5158e5d6da6c","prefect.resource.role":"actor","prefect.resource.name":"deploy-bot@example.com"},`+
		`{"prefect.resource.id":"prefect-cloud.account.7e86dae2-aab8-40d1-91c3-aae943107d47","prefect.resource.role":"account","prefect.resource.name":"acme-5"}],`+
		`"payload":{"action":"updated","ip":"10.125.198.227","user_agent":"python-httpx/0.28.1","request_id":"0d5ad1a6-4a3e-41a5-8d24-6b4d1f6a9e10"}}`, i)
}

func benchRecords(n int) []event.Record {
	records := make([]event.Record, n)
	for i := range records {
		records[i] = event.Record{Raw: benchRecord(i), Origin: event.Origin{Name: "bench", Offset: int64(i)}}
	}
	return records
}

// BenchmarkShip reads a journal from disk, encodes as ECS, batches and hands to a
// sink that does nothing. An operation is one event.
func BenchmarkShip(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	dir := b.TempDir()
	j, err := journal.Open(dir, journal.Config{SegmentSize: 64 << 20, Compression: "none"}, journal.Deps{Log: log, Metrics: noMetrics{}})
	if err != nil {
		b.Fatal(err)
	}
	f, err := newFanout(normalize.Options{Source: "bench", Decoder: "prefect"})
	if err != nil {
		b.Fatal(err)
	}
	records := benchRecords(1000)
	size := 0
	for left := b.N; left > 0; left -= len(records) {
		records = records[:min(len(records), left)]
		var events []event.Event
		for _, o := range f.run(records, time.Now()) {
			events = append(events, o.event)
			size += len(o.event.Doc)
		}
		if _, err := j.Append(b.Context(), journal.Batch{Source: "bench", Events: events}); err != nil {
			b.Fatal(err)
		}
	}
	letters, err := deadletter.Open(dir + "/deadletters")
	if err != nil {
		b.Fatal(err)
	}
	sink := &counting{want: int64(b.N), full: make(chan struct{})}
	p, err := New(Config{Sinks: []SinkSpec{sinkSpec(b, "null", "1", sink, nil)}},
		Deps{Journal: j, Letters: letters, Log: log, DataDir: dir, Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	s := p.shippers["null"]
	ctx, cancel := context.WithCancel(context.Background())
	b.SetBytes(int64(size / b.N))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		s.run(ctx, nil, nil)
		close(s.done)
	}()
	<-sink.full
	b.StopTimer()
	cancel()
	<-s.done
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkIntake normalizes and appends emits of 1000 records. An operation is
// one record.
func BenchmarkIntake(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	dir := b.TempDir()
	j, err := journal.Open(dir, journal.Config{SegmentSize: 64 << 20, Compression: "none"}, journal.Deps{Log: log, Metrics: noMetrics{}})
	if err != nil {
		b.Fatal(err)
	}
	letters, err := deadletter.Open(dir + "/deadletters")
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(Config{}, Deps{Journal: j, Letters: letters, Log: log, DataDir: dir, Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	in, err := p.newIntake(sourceSpec(b, "bench", "1", sources.Traits{}, onceLines(nil, 1)), nil, true)
	if err != nil {
		b.Fatal(err)
	}
	records := benchRecords(1000)
	b.SetBytes(int64(len(records[0].Raw)))
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= len(records) {
		if err := in.emit(b.Context(), records[:min(len(records), left)], event.Position{"p": []byte("1")}); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLatency is the time from the append of one event on an idle pipeline
// until the sink has it, without linger: the disk's sync and two hand-overs.
func BenchmarkLatency(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	dir := b.TempDir()
	j, err := journal.Open(dir, journal.Config{SegmentSize: 64 << 20, Compression: "none"}, journal.Deps{Log: log, Metrics: noMetrics{}})
	if err != nil {
		b.Fatal(err)
	}
	letters, err := deadletter.Open(dir + "/deadletters")
	if err != nil {
		b.Fatal(err)
	}
	got := make(chan struct{}, 16)
	sink := &fakeSink{answer: func(context.Context, sinks.Batch) (sinks.Report, error) {
		got <- struct{}{}
		return sinks.Report{}, nil
	}}
	p, err := New(Config{Sinks: []SinkSpec{sinkSpec(b, "sink", "1", sink, nil)}},
		Deps{Journal: j, Letters: letters, Log: log, DataDir: dir, Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	stop := run(p)
	<-got // the agent's own start
	f, err := newFanout(normalize.Options{Source: "bench", Decoder: "prefect"})
	if err != nil {
		b.Fatal(err)
	}
	records := benchRecords(1)
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		began := time.Now()
		if _, err := j.Append(b.Context(), journal.Batch{Source: "bench", Events: []event.Event{f.run(records, began)[0].event}}); err != nil {
			b.Fatal(err)
		}
		<-got
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	if err := stop(); err != nil {
		b.Fatal(err)
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

// emitter is a source that emits n records of the usual size, 1000 at a time.
type emitter struct{ n int }

func (e emitter) Run(ctx context.Context, _ event.Position, emit sources.Emit) error {
	records := benchRecords(1000)
	for left := e.n; left > 0; left -= len(records) {
		if err := emit(ctx, records[:min(len(records), left)], event.Position{"left": fmt.Append(nil, left)}); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkPipeline moves records through everything: normalize, journal with
// its syncs, read, encode, batch, a sink that does nothing. An operation is one
// record.
func BenchmarkPipeline(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	dir := b.TempDir()
	j, err := journal.Open(dir, journal.Config{SegmentSize: 64 << 20, Compression: "s2"}, journal.Deps{Log: log, Metrics: noMetrics{}})
	if err != nil {
		b.Fatal(err)
	}
	letters, err := deadletter.Open(dir + "/deadletters")
	if err != nil {
		b.Fatal(err)
	}
	source := sourceSpec(b, "bench", "1", sources.Traits{}, func(sources.Deps) sources.Source { return emitter{b.N} })
	p, err := New(Config{Sources: []SourceSpec{source}, Sinks: []SinkSpec{sinkSpec(b, "null", "1", &counting{want: -1}, nil)}},
		Deps{Journal: j, Letters: letters, Log: log, DataDir: dir, Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(benchRecord(0))))
	b.ReportAllocs()
	b.ResetTimer()
	if err := p.RunOnce(b.Context(), 0, nil); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}
