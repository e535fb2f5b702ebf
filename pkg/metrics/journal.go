package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Journal is the instruments of the journal.
type Journal struct {
	events, bytes, damaged prometheus.Counter
	lost                   *prometheus.CounterVec // by reason
	appends, syncs         prometheus.Observer
	full, limit            prometheus.Gauge

	size, segments, oldest, first, last *computed
}

func newJournal(b *builder) *Journal {
	disk := prometheus.ExponentialBuckets(.0001, 2, 17) // to 6.5 s
	return &Journal{
		events:   b.counters("journal_events_total").WithLabelValues(),
		bytes:    b.counters("journal_appended_bytes_total").WithLabelValues(),
		damaged:  b.counters("journal_damaged_frames_total").WithLabelValues(),
		lost:     b.counters("journal_lost_events_total"),
		appends:  b.histograms("journal_append_seconds", disk).WithLabelValues(),
		syncs:    b.histograms("journal_sync_seconds", disk).WithLabelValues(),
		full:     b.gauges("journal_full").WithLabelValues(),
		limit:    b.gauges("journal_max_bytes").WithLabelValues(),
		size:     b.computed("journal_bytes"),
		segments: b.computed("journal_segments"),
		oldest:   b.computed("journal_oldest_seconds"),
		first:    b.computed("journal_first_sequence"),
		last:     b.computed("journal_last_sequence"),
	}
}

// Appended counts an append that is durable.
func (j *Journal) Appended(events, bytes int, took time.Duration) {
	j.events.Add(float64(events))
	j.bytes.Add(float64(bytes))
	j.appends.Observe(took.Seconds())
}

// Synced observes one fdatasync.
func (j *Journal) Synced(took time.Duration) { j.syncs.Observe(took.Seconds()) }

// Full says whether appends are blocked for want of room.
func (j *Journal) Full(yes bool) { j.full.Set(oneIf(yes)) }

// Limit says how many bytes the journal may have; 0: any number.
func (j *Journal) Limit(bytes int64) { j.limit.Set(float64(bytes)) }

// Damaged counts frames that could not be read.
func (j *Journal) Damaged(frames int) { j.damaged.Add(float64(frames)) }

// Lost counts events that can no longer be read; reason is damage or dropped.
func (j *Journal) Lost(reason string, events uint64) {
	j.lost.WithLabelValues(reason).Add(float64(events))
}

// Extent is what the journal holds.
type Extent struct {
	Bytes       int64
	Segments    int
	First, Last uint64    // sequences
	Oldest      time.Time // when the oldest kept event was appended; zero: there is none
}

// Watch gives the journal's extent at each scrape. It must not block.
func (j *Journal) Watch(extent func() Extent) {
	j.size.set("", func() float64 { return float64(extent().Bytes) })
	j.segments.set("", func() float64 { return float64(extent().Segments) })
	j.first.set("", func() float64 { return float64(extent().First) })
	j.last.set("", func() float64 { return float64(extent().Last) })
	j.oldest.set("", func() float64 {
		if t := extent().Oldest; !t.IsZero() {
			return since(t)
		}
		return 0
	})
}
