package kafka

import (
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// headers collects the headers of one record. It is used again for the next, so
// that a record costs no memory of its own.
type headers struct {
	list []header
	text []byte // the values
}

// header is a record's header.
type header struct {
	key   string
	value []byte
}

func (h *headers) add(key, value string) {
	start := len(h.text)
	h.text = append(h.text, value...)
	h.list = append(h.list, header{key, h.text[start:]})
}

func (h *headers) addNumber(key string, n uint64) {
	start := len(h.text)
	h.text = strconv.AppendUint(h.text, n, 10)
	h.list = append(h.list, header{key, h.text[start:]})
}

// set makes the headers those of an item: the attributes of CloudEvents 1.0 in
// its Kafka binding's binary mode, and where the event is in our own order.
func (h *headers) set(item sinks.Item, format string, replay bool, deps *sinks.Deps) {
	e := item.Event
	h.list, h.text = h.list[:0], h.text[:0]
	h.add("ce_specversion", "1.0")
	h.add("ce_id", e.ID)
	h.addOrigin(e)
	h.add("ce_type", e.Action)
	h.add("content-type", contentType(format))
	if !e.Occurred.IsZero() {
		start := len(h.text)
		h.text = e.Occurred.UTC().AppendFormat(h.text, time.RFC3339Nano)
		h.list = append(h.list, header{"ce_time", h.text[start:]})
	}
	if e.Resource != "" {
		h.add("ce_subject", e.Resource)
	}
	h.add("shiplog_format", format)
	if deps.Agent != "" {
		h.add("shiplog_agent", deps.Agent)
	}
	if deps.Journal != "" {
		h.add("shiplog_journal", deps.Journal)
	}
	if e.Sequence > 0 {
		h.addNumber("shiplog_sequence", e.Sequence)
	}
	if item.Number > 0 {
		h.addNumber("shiplog_delivery", item.Number)
	}
	if replay {
		h.add("shiplog_replayed", "true")
	}
}

// addOrigin adds the context in which the event's id is unique.
func (h *headers) addOrigin(e *event.Event) {
	start := len(h.text)
	if e.Account != "" {
		h.text = append(append(h.text, "/prefect-cloud/accounts/"...), e.Account...)
	} else {
		h.text = append(append(h.text, "/shiplog/sources/"...), e.Source...)
	}
	h.list = append(h.list, header{"ce_source", h.text[start:]})
}

func contentType(format string) string {
	switch format {
	case "cef", "leef":
		return "text/plain; charset=UTF-8"
	default:
		return "application/json"
	}
}
