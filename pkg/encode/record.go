package encode

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// A record is one event taken apart for an encoder: every field that a format
// has a word for, and the rest.
type record struct {
	event    *event.Event
	delivery event.Delivery
	entry    *catalog.Entry
	kind     string // the resource type
	title    string // what happened, in a few words
	relayed  bool   // the document names an agent that it came through before

	values [slots]ecsdoc.Value
	used   [slots]bool // written already, or said in other words
	rest   []member

	scratch  []byte   // memory of values that had to be rewritten
	spans    [][2]int // memory of the names in unmapped
	keepRest func(ecsdoc.Parent, []byte, ecsdoc.Value)
}

// A member is a field that no format has a word for.
type member struct {
	parent ecsdoc.Parent
	name   []byte // escaped
	value  ecsdoc.Value
}

var spareRecords = sync.Pool{New: func() any {
	r := &record{}
	r.keepRest = func(parent ecsdoc.Parent, name []byte, value ecsdoc.Value) {
		if len(value) > 0 && value[0] != 'n' { // null is nothing
			r.rest = append(r.rest, member{parent, name, value})
		}
	}
	return r
}}

// load takes an event apart. The record is given back with free.
func load(e *event.Event, d event.Delivery) (*record, error) {
	r, _ := spareRecords.Get().(*record)
	r.event, r.delivery = e, d
	r.rest, r.scratch, r.used = r.rest[:0], r.scratch[:0], [slots]bool{}
	if err := paths.ReadRest(e.Doc, r.values[:], r.keepRest); err != nil {
		r.free()
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	for s := range firstRaw {
		if v := r.values[s]; v != nil && !v.IsString() {
			r.values[s] = r.asText(s, v)
		}
	}
	r.name()
	var match catalog.Match
	r.entry, match = catalog.Lookup(e.Action)
	if r.kind = r.values[resourceType].Text(); r.kind == "" {
		r.kind, _ = catalog.Split(e.Action)
	}
	if r.title = r.entry.Name; r.title == "" {
		r.title = e.Action
	}
	if match == catalog.Other {
		r.likeOthers()
	} else {
		r.used[eventCategory], r.used[eventType] = true, true // the entry says as much
	}
	return r, nil
}

// name puts in who ships the event, as event.AppendDoc does.
func (r *record) name() {
	r.relayed = r.has(agentID)
	by := r.delivery.By
	if r.relayed || by == nil || by.Agent == "" {
		return
	}
	for _, f := range [...]struct {
		slot slot
		text string
	}{{agentID, by.Agent}, {agentName, by.Name}, {agentVersion, by.Version}} {
		if f.text != "" && !r.has(f.slot) {
			r.values[f.slot] = r.quoted(f.text)
		}
	}
}

// quoted makes a JSON string of a text.
func (r *record) quoted(s string) ecsdoc.Value {
	from := len(r.scratch)
	r.scratch = event.AppendQuoted(r.scratch, s)
	return ecsdoc.Value(r.scratch[from:len(r.scratch):len(r.scratch)])
}

// journal is the id of the journal that the sequence counts in; empty where it is
// not known.
func (r *record) journal() string {
	if r.delivery.By == nil {
		return ""
	}
	return r.delivery.By.Journal
}

func (r *record) free() {
	r.event, r.delivery, r.entry, r.kind, r.title = nil, event.Delivery{}, nil, "", ""
	spareRecords.Put(r)
}

// asText makes one JSON string of a value that should have been one: of a
// number, or of the first of a list. What else there is goes to the rest.
func (r *record) asText(s slot, v ecsdoc.Value) ecsdoc.Value {
	switch {
	case v[0] == 'n':
		return nil
	case v.IsObject(), v.IsList():
		r.rest = append(r.rest, member{name: []byte(fieldNames[s]), value: v})
		for first := range v.Elements {
			if first.IsString() {
				return first
			}
			break
		}
		return nil
	}
	from := len(r.scratch)
	r.scratch = append(r.scratch, '"')
	r.scratch = append(r.scratch, v...)
	r.scratch = append(r.scratch, '"')
	return ecsdoc.Value(r.scratch[from:len(r.scratch):len(r.scratch)])
}

// has is true where one of the fields holds something.
func (r *record) has(fields ...slot) bool {
	for _, s := range fields {
		if !r.values[s].Empty() {
			return true
		}
	}
	return false
}

// take gives a field's value and marks it as used.
func (r *record) take(s slot) ecsdoc.Value {
	r.used[s] = true
	if r.values[s].Empty() {
		return nil
	}
	return r.values[s]
}

// first takes the first of the fields that holds something.
func (r *record) first(fields ...slot) ecsdoc.Value {
	for _, s := range fields {
		if !r.values[s].Empty() {
			return r.take(s)
		}
	}
	return nil
}

// verb is what was done: the last part of the event's name.
func (r *record) verb() string {
	if v := r.values[verb]; !v.Empty() {
		return v.Text()
	}
	if _, did := catalog.Split(r.event.Action); did != "" {
		return did
	}
	return r.event.Action
}

// own is true for the agent's own events, such as shiplog.gap.
func (r *record) own() bool {
	return strings.HasPrefix(r.event.Action, "shiplog.")
}

// vendorProduct names who made the event and with what.
func (r *record) vendorProduct() (vendorText, productText string) {
	switch {
	case r.own():
		return "shiplog", "shiplog"
	case r.has(product) && r.has(vendor):
		return r.take(vendor).Text(), r.take(product).Text()
	case strings.HasPrefix(r.event.Action, "prefect"), r.values[eventModule].Text() == "prefect":
		return "Prefect", "Prefect Cloud"
	}
	productText = r.first(product, eventProvider, eventModule, eventDataset).Text()
	if productText == "" {
		productText = "unknown"
	}
	if vendorText = r.first(vendor).Text(); vendorText == "" {
		vendorText = productText
	}
	return vendorText, productText
}

// bare cuts a resource's id down to what stands behind its type:
// prefect-cloud.user.<uuid> becomes <uuid>. It takes and gives a JSON string.
func (r *record) bare(v ecsdoc.Value) ecsdoc.Value {
	if !v.IsString() {
		return v
	}
	rest, ok := bytes.CutPrefix(v[1:], []byte("prefect-cloud."))
	if !ok {
		rest, ok = bytes.CutPrefix(v[1:], []byte("prefect."))
	}
	dot := bytes.IndexByte(rest, '.')
	if !ok || dot < 0 || len(rest) == dot+2 {
		return v
	}
	from := len(r.scratch)
	r.scratch = append(r.scratch, '"')
	r.scratch = append(r.scratch, rest[dot+1:]...)
	return ecsdoc.Value(r.scratch[from:len(r.scratch):len(r.scratch)])
}

// appendShiplog appends the agent's own object with the delivery in it.
func (r *record) appendShiplog(dst []byte, v ecsdoc.Value) []byte {
	if !v.IsObject() {
		return append(dst, v...)
	}
	dst = append(dst, bytes.TrimRight(v[:len(v)-1], " ")...)
	comma := dst[len(dst)-1] != '{'
	sep := func() {
		if comma {
			dst = append(dst, ',')
		}
		comma = true
	}
	if r.delivery.Number > 0 {
		sep()
		dst = append(dst, `"delivery":`...)
		dst = strconv.AppendUint(dst, r.delivery.Number, 10)
	}
	if r.delivery.Replayed {
		sep()
		dst = append(dst, `"replayed":true`...)
	}
	return append(dst, '}')
}
