package filter

import (
	"strconv"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// A lookup answers for the fields of one event. It is what a program runs on.
type lookup struct {
	filter *Filter
	event  *event.Event
	values []ecsdoc.Value
	read   bool // values holds the event's
}

// forget lets go of the event, so that its memory is not held by the pool.
func (l *lookup) forget() {
	l.event = nil
	if l.read {
		clear(l.values)
	}
	l.read = false
}

// value finds a field in the document, reading it the first time.
func (l *lookup) value(slot int) ecsdoc.Value {
	if !l.read {
		l.read = true
		if err := l.filter.paths.Read(l.event.Doc, l.values); err != nil {
			clear(l.values) // as if there were no fields: the envelope still answers
		}
	}
	return l.values[slot]
}

func (l *lookup) text(r ref) string {
	if r.envelope != nil && r.envelope.text != nil {
		return r.envelope.text(l.event)
	}
	v := l.value(r.slot)
	if v.IsList() { // a field that ECS has as one value may hold a list of them
		for first := range v.Elements {
			return first.Text()
		}
	}
	return v.Text()
}

func (l *lookup) number(r ref) int {
	if r.envelope != nil && r.envelope.number != nil {
		return r.envelope.number(l.event)
	}
	return int(l.value(r.slot).Number())
}

// has asks whether a list holds an element.
func (l *lookup) has(r ref, want string) bool {
	for v := range l.value(r.slot).Elements {
		if v.Text() == want {
			return true
		}
	}
	return false
}

func (l *lookup) list(r ref) []string {
	var all []string
	for v := range l.value(r.slot).Elements {
		all = append(all, v.Text())
	}
	return all
}

func (l *lookup) any(r ref) any {
	if r.envelope != nil && r.envelope.text != nil {
		return r.envelope.text(l.event)
	}
	return decode(l.value(r.slot), 0)
}

// openText gives an open field's text, "" where it is missing, and false where it
// holds something else.
func (l *lookup) openText(r ref) (string, bool) {
	if r.envelope != nil {
		return r.envelope.text(l.event), true
	}
	v := l.value(r.slot)
	return v.Text(), v.IsString() || len(v) == 0 || v[0] == 'n'
}

// maxDepth is how deep an open field is decoded; what lies deeper is given as
// its JSON text.
const maxDepth = 64

func decode(v ecsdoc.Value, depth int) any {
	switch {
	case len(v) == 0 || v[0] == 'n':
		return nil
	case v.IsString() || depth == maxDepth:
		return v.Text()
	case v.IsList():
		list := []any{}
		for element := range v.Elements {
			list = append(list, decode(element, depth+1))
		}
		return list
	case v.IsObject():
		object := map[string]any{}
		for name, member := range v.Members {
			object[string(ecsdoc.AppendUnescaped(nil, name))] = decode(member, depth+1)
		}
		return object
	case v[0] == 't' || v[0] == 'f':
		return v.Bool()
	}
	if whole, err := strconv.Atoi(v.Text()); err == nil {
		return whole
	}
	return v.Number()
}
