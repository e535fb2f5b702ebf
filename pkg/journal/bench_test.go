package journal

import (
	"context"
	"testing"
)

func benchAppend(b *testing.B, compression string) {
	j := mustOpen(b, b.TempDir(), Config{Compression: compression, MaxSize: 1 << 30, DropOldest: true}, Deps{})
	events := bigEvents(1000)
	size := 0
	for i := range events {
		size += len(events[i].Doc)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.Append(context.Background(), Batch{Source: "spool", Events: events}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}

// BenchmarkAppend appends batches of 1000 events of about 2.4 KB, one at a time.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []string{"none", "s2", "zstd"} {
		b.Run(c, func(b *testing.B) { benchAppend(b, c) })
	}
}

// BenchmarkRead reads such batches back, from disk and from memory.
func BenchmarkRead(b *testing.B) {
	for _, c := range []string{"none", "s2", "zstd"} {
		for _, place := range []string{"disk", "memory"} {
			b.Run(c+"/"+place, func(b *testing.B) { benchRead(b, c, place == "disk") })
		}
	}
}

func benchRead(b *testing.B, compression string, disk bool) {
	j := mustOpen(b, b.TempDir(), Config{Compression: compression}, Deps{})
	events := bigEvents(1000)
	frames := 4
	if disk {
		cold(j)
		frames = 40
	}
	size := 0
	for i := range events {
		size += len(events[i].Doc)
	}
	for range frames {
		if _, err := j.Append(context.Background(), Batch{Source: "spool", Events: events}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	r := j.Read(1)
	for b.Loop() {
		_, ok, err := r.TryNext()
		if err != nil {
			b.Fatal(err)
		}
		if !ok {
			_ = r.Close()
			r = j.Read(1)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}
