package normalize

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// maxMoved is how many levels down processors may move a value.
const maxMoved = 100

// fromECS makes an event of a record that is an ECS document already, with
// nested or dotted names. Its own event.original, where it has one, stays the
// original: it is what the first agent read, and hashes and ids stay the same
// however often a document is passed on.
func (n *Normalizer) fromECS(rec *event.Record, raw []byte, now time.Time, buf []byte) (event.Event, []byte, error) {
	t, err := parseTree(bytes.TrimPrefix(raw, []byte(bom)))
	if err != nil {
		return event.Event{}, buf, err
	}
	if err := t.expand(maxDepth); err != nil {
		return event.Event{}, buf, err
	}
	n.adopt(t, rec)
	var e event.Event
	original, ok := t.get("event.original")
	text, isText := original.(string)
	if !ok || !isText || text == "" {
		text = string(raw)
		t.set("event.original", text)
	}
	e.Hash = sha256.Sum256([]byte(text))
	t.set("event.hash", hex.EncodeToString(e.Hash[:]))
	t.remove("event.sequence")

	created := now
	if !rec.Received.IsZero() {
		created = rec.Received
	}
	e.Received = t.time("prefect.received", t.time("event.ingested", created.UTC()))
	e.Occurred = t.time("@timestamp", e.Received)
	t.set("@timestamp", string(appendTime(nil, e.Occurred)))
	t.missing("event.created", string(appendTime(nil, created)))
	t.missing("event.kind", "event")
	t.missing("event.action", "unknown")
	t.missing("event.id", string(derivedID(nil, &e.Hash)))
	t.missing("ecs.version", ecsVersion)
	start := len(buf)
	buf = t.appendDoc(buf)
	e.Doc = buf[start:len(buf):len(buf)]
	// What reads it later goes no deeper than maxDepth, and a processor may move a
	// value some levels down before.
	if s := (scanner{b: e.Doc, depth: maxMoved}); s.value() == nil {
		return event.Event{}, buf, errDeep
	}
	openNode(e.Doc).fill(&e)
	e.Source = n.name
	return e, buf, nil
}

// adopt puts the document's event and shiplog members into their frame. What an
// agent upstream said of its own goes under shiplog.upstream.
func (n *Normalizer) adopt(t tree, rec *event.Record) {
	own := tree{"source": n.name}
	if upstream, ok := t["shiplog"]; ok {
		own["upstream"] = upstream
	}
	if rec.Late {
		own["late"] = true
	}
	if len(rec.Attributes) > 0 {
		list := make([]any, len(rec.Attributes))
		for i, a := range rec.Attributes {
			list[i] = tree{"name": a.Name, "value": a.Value}
		}
		own["attributes"] = list
	}
	if v, ok := t["event"]; ok {
		if _, ok := object(v); !ok {
			own["record"] = tree{"event": v}
			delete(t, "event")
		}
	}
	t["shiplog"] = own
}

// missing puts a text where the document has no text that says anything.
func (t tree) missing(path, v string) {
	if t.text(path) == "" {
		t.set(path, v)
	}
}

// time reads the time at a path: RFC 3339, or a number of milliseconds.
func (t tree) time(path string, otherwise time.Time) time.Time {
	v, _ := t.get(path)
	switch v := v.(type) {
	case string:
		if at, ok := parseTime(text(v)); ok {
			return at
		}
	case json.Number:
		if at, ok := epoch(string(v)); ok {
			return at
		}
	}
	return otherwise
}

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds
// since 1970: whichever gives a date between 2001 and 2286.
func epoch[T string | text](digits T) (time.Time, bool) {
	if len(digits) < 10 || len(digits) > 24 {
		return time.Time{}, false
	}
	number := string(digits)
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return time.Time{}, false
	}
	for unit := 1e9; unit >= 1; unit /= 1e3 {
		if seconds := f * unit / 1e9; seconds >= 1e9 && seconds < 1e10 {
			if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
				perSecond := int64(1e9 / unit) // nanoseconds since 1970 overflow in 2262
				return time.Unix(whole/perSecond, whole%perSecond*int64(unit)).UTC(), true
			}
			return time.UnixMicro(int64(seconds * 1e6)).UTC(), true
		}
	}
	return time.Time{}, false
}
