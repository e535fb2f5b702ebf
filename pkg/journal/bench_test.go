package journal

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"
)

// cpuTime is the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perEvent reports what each of a batch's 1000 events took: by the clock, and
// of the processors, which means something on a busy machine too.
func perEvent(b *testing.B, since time.Duration) {
	events := float64(b.N) * 1000
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
	b.ReportMetric(float64((cpuTime(b)-since).Nanoseconds())/events, "cpu-ns/event")
}

func benchAppend(b *testing.B, compression string, d disk) {
	j, err := open(b.TempDir(), Config{Compression: compression, MaxSize: 1 << 30, DropOldest: true}, Deps{}, d)
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	events := bigEvents(1000)
	size := 0
	for i := range events {
		size += len(events[i].Doc)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		if _, err := j.Append(context.Background(), Batch{Source: "spool", Events: events}); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, cpu)
}

// BenchmarkAppend appends batches of 1000 events of about 2.4 KB, one at a time,
// without waiting for the disk: what an append costs the processor.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []string{"none", "s2", "zstd"} {
		b.Run(c, func(b *testing.B) { benchAppend(b, c, unsynced{}) })
	}
}

// BenchmarkAppendSynced is BenchmarkAppend with the disk.
func BenchmarkAppendSynced(b *testing.B) {
	for _, c := range []string{"none", "s2", "zstd"} {
		b.Run(c, func(b *testing.B) { benchAppend(b, c, osDisk{}) })
	}
}

// BenchmarkAppendOne appends events one at a time, with the disk: as they come in
// when few do. It reports the median, which other work on the disk moves little.
func BenchmarkAppendOne(b *testing.B) {
	j, err := open(b.TempDir(), Config{Compression: "s2"}, Deps{}, osDisk{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	events := bigEvents(1)
	var took []time.Duration
	cpu := cpuTime(b)
	for b.Loop() {
		began := time.Now()
		if _, err := j.Append(context.Background(), Batch{Source: "spool", Events: events}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/event")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
}

// BenchmarkEncode is the part of an append that its caller's goroutine does.
func BenchmarkEncode(b *testing.B) {
	for _, c := range []string{"none", "s2", "zstd"} {
		b.Run(c, func(b *testing.B) {
			j := mustOpen(b, b.TempDir(), Config{Compression: c}, Deps{})
			batch := Batch{Source: "spool", Events: bigEvents(1000)}
			b.ReportAllocs()
			cpu := cpuTime(b)
			for b.Loop() {
				r, err := j.encode(batch)
				if err != nil {
					b.Fatal(err)
				}
				r.memory.release()
				if r.packed != nil {
					r.packed.release()
				}
			}
			perEvent(b, cpu)
		})
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
	frames := 2
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
	cpu := cpuTime(b)
	for b.Loop() {
		f, ok, err := r.TryNext()
		if err != nil {
			b.Fatal(err)
		}
		f.Release()
		if !ok {
			_ = r.Close()
			r = j.Read(1)
		}
	}
	perEvent(b, cpu)
}
