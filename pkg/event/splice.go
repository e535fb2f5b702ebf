package event

import (
	"bytes"
	"strconv"
)

// Delivery is what only the moment of shipping knows of an event.
type Delivery struct {
	// Number counts the events that one sink was given, from 1 without holes.
	// 0: not shipped, as in a search.
	Number uint64

	// Replayed marks an event that is shipped again on request.
	Replayed bool

	// By is who ships it. Nil: nobody does.
	By *Shipper
}

// AppendDoc appends the event's document to dst, with the sequence, the delivery
// and the shipper spliced in, and returns the result. A document that names an
// agent by its id came through that agent, and keeps it: ECS says that agent is
// who read the event first. shiplog.journal is always the shipper's own.
func (e *Event) AppendDoc(dst []byte, d Delivery) []byte {
	const head, tail = `{"event":{`, `}}`
	if !bytes.HasPrefix(e.Doc, []byte(head)) || !bytes.HasSuffix(e.Doc, []byte(tail)) {
		return append(dst, e.Doc...) // not a document of ours: leave it as it is
	}
	dst = append(dst, head...)
	if e.Sequence > 0 {
		dst = append(dst, `"sequence":`...)
		dst = strconv.AppendUint(dst, e.Sequence, 10)
		if e.Doc[len(head)] != '}' {
			dst = append(dst, ',')
		}
	}
	var agent, journal []byte
	from := len(head) // what is before it is in dst
	if d.By != nil {
		agent, journal = d.By.agent, d.By.journal
		if at := ownAgent(e.Doc); at >= 0 {
			agent = nil
			dst, from = d.By.complete(dst, e.Doc, from, at)
		}
	}
	dst = append(dst, e.Doc[from:len(e.Doc)-len(tail)]...)
	if d.Number > 0 {
		dst = append(dst, `,"delivery":`...)
		dst = strconv.AppendUint(dst, d.Number, 10)
	}
	if d.Replayed {
		dst = append(dst, `,"replayed":true`...)
	}
	dst = append(dst, journal...)
	dst = append(dst, '}')
	dst = append(dst, agent...)
	return append(dst, '}')
}
