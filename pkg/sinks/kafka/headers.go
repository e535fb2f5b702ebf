package kafka

import (
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// appendHeaders appends an item's headers: the attributes of CloudEvents 1.0 in
// its Kafka binding's binary mode, and where the event is in our own order.
func appendHeaders(h []header, item sinks.Item, format string, replay bool) []header {
	e := item.Event
	h = append(h,
		header{"ce_specversion", "1.0"},
		header{"ce_id", e.ID},
		header{"ce_source", origin(e)},
		header{"ce_type", e.Action},
		header{"content-type", contentType(format)})
	if !e.Occurred.IsZero() {
		h = append(h, header{"ce_time", e.Occurred.UTC().Format(time.RFC3339Nano)})
	}
	if e.Resource != "" {
		h = append(h, header{"ce_subject", e.Resource})
	}
	h = append(h, header{"shiplog_format", format})
	if e.Sequence > 0 {
		h = append(h, header{"shiplog_sequence", strconv.FormatUint(e.Sequence, 10)})
	}
	if item.Number > 0 {
		h = append(h, header{"shiplog_delivery", strconv.FormatUint(item.Number, 10)})
	}
	if replay {
		h = append(h, header{"shiplog_replayed", "true"})
	}
	return h
}

// origin is the context in which the event's id is unique.
func origin(e *event.Event) string {
	if e.Account != "" {
		return "/prefect-cloud/accounts/" + e.Account
	}
	return "/shiplog/sources/" + e.Source
}

func contentType(format string) string {
	switch format {
	case "cef", "leef":
		return "text/plain; charset=UTF-8"
	default:
		return "application/json"
	}
}
