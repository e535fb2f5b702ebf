package encode

import (
	"bytes"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
)

// unmapped writes all that has not been written, so that nothing is lost.
func (w *ocsfWriter) unmapped() {
	w.open("unmapped")
	empty := len(w.b)
	w.names = w.spans[:0]
	if w.has(workspaceID, workspaceName) && !w.used[workspaceID] {
		w.name(nil, []byte("workspace"))
		w.b = append(w.b, '{')
		w.raw("id", w.take(workspaceID))
		w.raw("name", w.take(workspaceName))
		w.close()
	}
	w.rawUnder("related", w.take(relatedResources))
	w.rawUnder("payload", w.take(payload))
	w.copies()
	for s := range firstImplied {
		if !w.used[s] && w.has(s) {
			w.rawUnder(fieldNames[s], w.values[s])
		}
	}
	for i := range w.rest {
		m := &w.rest[i]
		if len(w.names) == maxNames {
			w.more(w.rest[i:])
			break
		}
		w.name(&m.parent, m.name)
		w.value(m)
	}
	w.spans = w.names
	if len(w.b) == empty {
		const opened = len(`,"unmapped":{`)
		w.b = w.b[:empty-opened]
		return
	}
	w.close()
}

// maxNames bounds the work of keeping names apart, whatever the document.
const maxNames = 100

// more writes members as a list, in which names may repeat.
func (w *ocsfWriter) more(rest []member) {
	w.name(nil, []byte("more"))
	w.b = append(w.b, '[')
	for i := range rest {
		w.element()
		w.key("name")
		w.b = append(w.b, '"')
		w.b = rest[i].parent.AppendTo(w.b)
		w.b = append(append(w.b, rest[i].name...), '"')
		w.key("value")
		w.value(&rest[i])
		w.close()
	}
	w.closeList()
}

// value writes a member's value; the agent's own object with the delivery in it.
func (w *ocsfWriter) value(m *member) {
	if m.parent.Depth == 0 && string(m.name) == "shiplog" {
		w.b = w.appendShiplog(w.b, m.value)
		return
	}
	w.b = append(w.b, m.value...)
}

func (w *ocsfWriter) rawUnder(name string, v ecsdoc.Value) {
	if v != nil {
		w.name(nil, view(name))
		w.b = append(w.b, v...)
	}
}

// name begins a member. A name that is there already gets an underscore: a
// document may have both "a.b" and "b" inside "a", and fields of its own that
// are called as ours.
func (w *ocsfWriter) name(parent *ecsdoc.Parent, name []byte) {
	w.comma()
	w.b = append(w.b, '"')
	from := len(w.b)
	if parent != nil {
		w.b = parent.AppendTo(w.b)
	}
	w.b = append(w.b, name...)
	for w.taken(w.b[from:]) {
		w.b = append(w.b, '_')
	}
	w.names = append(w.names, [2]int{from, len(w.b)})
	w.b = append(w.b, '"', ':')
}

func (w *ocsfWriter) taken(name []byte) bool {
	for _, span := range w.names {
		if sameName(w.b[span[0]:span[1]], name) {
			return true
		}
	}
	return false
}

// sameName tells whether two escaped names mean the same.
func sameName(a, b []byte) bool {
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(ecsdoc.AppendUnescaped(nil, a), ecsdoc.AppendUnescaped(nil, b))
}

// copies marks the fields that only repeat another one, which has been written.
func (w *ocsfWriter) copies() {
	same := func(copied, original slot) {
		w.used[copied] = w.used[copied] || bytes.Equal(w.values[copied], w.values[original]) && w.used[original]
	}
	same(clientIP, sourceIP)
	same(clientAddress, sourceAddress)
	same(namespace, workspaceName)
	same(errorMessage, eventReason)
	same(resourceName, targetName)
	if w.values[actorRole].Text() == "actor" { // as every actor's is
		w.used[actorRole] = true
	}
	if w.used[targetID] && bytes.Equal(w.bare(w.values[resourceID]), w.values[targetID]) {
		w.used[resourceID] = true
	}
	if w.used[userID] && bytes.Equal(w.bare(w.values[actorID]), w.values[userID]) {
		w.used[actorID] = true
	}
}
