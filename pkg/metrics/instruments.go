package metrics

import (
	"fmt"
	"strings"
)

// Prefix begins every name.
const Prefix = "shiplog_"

// Instrument describes one metric, for documentation.
type Instrument struct {
	Name   string // without Prefix
	Type   string // counter, gauge or histogram
	Labels string // separated by commas; empty: none
	Help   string
}

// Instruments lists every metric of the agent, but the gauges that a kind of
// source declares for itself.
func Instruments() []Instrument {
	return []Instrument{
		{"source_records_total", "counter", "source", "Records that the source read and that are durable in the journal, or dropped or dead-lettered on purpose."},
		{"source_bytes_total", "counter", "source", "Raw bytes of those records."},
		{"source_invalid_total", "counter", "source,reason", "Records that could not be read and became dead letters."},
		{"source_duplicates_total", "counter", "source", "Records passed over because their event is in the journal already."},
		{"source_dropped_total", "counter", "source,reason", "Events dropped on purpose, by the processor that dropped them."},
		{"source_late_events_total", "counter", "source", "Events that arrived after later ones of the same source had been read."},
		{"source_conflicting_ids_total", "counter", "source", "Records with the id of a journalled event but other content. They are kept under an id of their own."},
		{"source_errors_total", "counter", "source,reason", "Failures that the source lived through."},
		{"source_lag_seconds", "gauge", "source", "Now minus the newest time up to which the source is known to be complete."},
		{"source_connected", "gauge", "source", "1 while the upstream answers, else 0."},
		{"source_waiting", "gauge", "source", "1 while the source waits for something, such as its next poll or room in the journal."},

		{"normalize_fallback_total", "counter", "type", "Events of a type that the catalogue does not know, mapped generically. Past 100 types they count under other."},
		{"processor_errors_total", "counter", "processor", "Events that a processor could not treat; they are kept as they were."},

		{"journal_events_total", "counter", "", "Events appended since the start of the process."},
		{"journal_appended_bytes_total", "counter", "", "Bytes appended since the start of the process."},
		{"journal_bytes", "gauge", "", "Size of all segments on disk."},
		{"journal_max_bytes", "gauge", "", "Limit of journal_bytes by the config; 0: none. What every sink has passed goes first."},
		{"journal_segments", "gauge", "", "Number of segments on disk."},
		{"journal_oldest_seconds", "gauge", "", "Age of the oldest event that is kept, since it was appended."},
		{"journal_first_sequence", "gauge", "", "Sequence of the oldest event that is kept."},
		{"journal_last_sequence", "gauge", "", "Sequence of the last durable event."},
		{"journal_append_seconds", "histogram", "", "Time from the call of an append until it was durable."},
		{"journal_sync_seconds", "histogram", "", "Time of one fdatasync."},
		{"journal_full", "gauge", "", "1 while appends are blocked because the journal or the disk is full."},
		{"journal_damaged_frames_total", "counter", "", "Frames that could not be read."},
		{"journal_lost_events_total", "counter", "reason", "Events that can no longer be read: damage, or dropped by when_full: drop_oldest."},

		{"sink_events_total", "counter", "sink,outcome", "Events settled at the sink: delivered, duplicate (it had them already), filtered (by where), deadletter, lost (unreadable in the journal)."},
		{"sink_where_errors_total", "counter", "sink", "Events that the where of the sink could not be answered for; they are delivered."},
		{"sink_bytes_total", "counter", "sink", "Bytes that went over the wire."},
		{"sink_requests_total", "counter", "sink,status", "Requests by HTTP status, by a protocol's error name, ok or error."},
		{"sink_request_seconds", "histogram", "sink", "Time of one request."},
		{"sink_retries_total", "counter", "sink,reason", "Batches or parts of batches that were sent again."},
		{"sink_lag_seconds", "gauge", "sink", "Age of the oldest event that the sink has not acknowledged; 0 when caught up."},
		{"sink_backlog_events", "gauge", "sink", "Events between the sink's cursor and the journal's end."},
		{"sink_backlog_bytes", "gauge", "sink", "Bytes between the sink's cursor and the journal's end."},
		{"sink_cursor", "gauge", "sink", "Sequence up to which the sink has acknowledged everything."},
		{"sink_event_age_seconds", "histogram", "sink", "Time from when an event occurred until the sink acknowledged it."},
		{"sink_up", "gauge", "sink", "1 while deliveries succeed, 0 since the last one failed."},
		{"sink_waiting", "gauge", "sink", "1 while the sink waits before it tries again."},
		{"sink_last_success_timestamp_seconds", "gauge", "sink", "Unix time of the last successful delivery."},

		{"deadletters", "gauge", "owner", "Dead letters that are kept, by the sink or source that they are of."},
		{"config_reload_success", "gauge", "", "1 when the last load of the config was applied, 0 when it was refused and the one before goes on."},
		{"config_last_reload_timestamp_seconds", "gauge", "", "Unix time of the last load of the config that was applied."},
		{"build_info", "gauge", "version,commit,go", "Always 1; the labels say what is running."},
	}
}

// Reference is the metrics as a Markdown table. More are those that kinds of
// source declare for themselves.
func Reference(more ...Instrument) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, i := range append(Instruments(), more...) {
		labels := ""
		if i.Labels != "" {
			labels = "`" + strings.ReplaceAll(i.Labels, ",", "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", Prefix, i.Name, i.Type, labels, i.Help)
	}
	return b.String()
}
