package normalize

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/shiplog/shiplog/pkg/event"
)

// A rewriter copies a document without the secrets, in one pass: out of every
// text and every name in it, and out of the record's text, whatever stands
// around them.
type rewriter struct {
	secrets *secrets
	in      scanner
	out     []byte
	path    []byte // of the value that is read, dotted
	hash    [32]byte
	scratch []byte
}

// value copies the next value, and reports whether anything is left of it that
// may stand where it stood.
func (w *rewriter) value() (left bool) {
	start := w.in.i
	switch w.in.peek() {
	case '"':
		return w.string()
	case '{':
		return w.object()
	case '[':
		return w.array()
	case 't', 'f', 'n':
		w.in.skip()
		w.out = append(w.out, w.in.b[start:w.in.i]...)
		return true
	default:
		return w.number(w.in.value())
	}
}

// stays reports whether a field holds only what the agent itself wrote.
func stays(path []byte) bool {
	switch string(path) {
	case "event.id", "event.kind", "event.category", "event.type", "event.action", "event.outcome", "event.severity",
		"event.module", "event.dataset", "event.provider", "event.created", "@timestamp", "ecs", "service", "observer",
		"shiplog.source":
		return true
	default:
		return false
	}
}

func (w *rewriter) object() (left bool) {
	w.in.open()
	w.out = append(w.out, '{')
	begin, outer, members := len(w.out), len(w.path), 0
	for key, more := w.in.member(true); more; key, more = w.in.member(false) {
		mark := len(w.out)
		members++
		if mark > begin {
			w.out = append(w.out, ',')
		}
		if outer > 0 {
			w.path = append(w.path, '.')
		}
		w.path = append(w.path, key...)
		w.name(key)
		w.out = append(w.out, ':')
		if !w.member() {
			w.out = w.out[:mark]
		}
		w.path = w.path[:outer]
	}
	w.out = append(w.out, '}')
	return members == 0 || len(w.out) > begin+1
}

// member copies the value at w.path.
func (w *rewriter) member() (left bool) {
	switch {
	case stays(w.path):
		w.out = append(w.out, w.in.value()...)
		return true
	case string(w.path) == "event.original":
		record := redactRecord(text(w.in.str()).appendPlain(nil), w.secrets)
		w.hash = sha256.Sum256(record)
		w.out = event.AppendQuoted(w.out, record)
		return true
	case string(w.path) == "event.hash": // comes after event.original
		w.in.skip()
		w.out = append(hex.AppendEncode(append(w.out, '"'), w.hash[:]), '"')
		return true
	default:
		return w.value()
	}
}

// name copies a member's name: ECS's own names are nobody's secret.
func (w *rewriter) name(key text) {
	for _, open := range [...]string{"prefect.", "shiplog.", "labels."} {
		if !bytes.HasPrefix(w.path, []byte(open)) {
			continue
		}
		if redacted, changed := w.redacted(key); changed {
			w.out = event.AppendQuoted(w.out, redacted)
			return
		}
	}
	w.out = append(append(append(w.out, '"'), key...), '"')
}

func (w *rewriter) array() (left bool) {
	w.in.open()
	w.out = append(w.out, '[')
	begin, elements := len(w.out), 0
	for more := w.in.element(true); more; more = w.in.element(false) {
		mark := len(w.out)
		elements++
		if mark > begin {
			w.out = append(w.out, ',')
		}
		if !w.value() {
			w.out = w.out[:mark]
		}
	}
	w.out = append(w.out, ']')
	return elements == 0 || len(w.out) > begin+1
}

func (w *rewriter) string() (left bool) {
	t := text(w.in.str())
	redacted, changed := w.redacted(t)
	if !changed {
		w.out = append(append(append(w.out, '"'), t...), '"')
		return true
	}
	start := len(w.out)
	w.out = event.AppendQuoted(w.out, redacted)
	return redacted != "" && (!isIP(w.path) || validIP(w.out[start:]))
}

func (w *rewriter) number(number []byte) (left bool) {
	before := len(w.out)
	w.out = w.secrets.appendNumber(w.out, number)
	return w.out[before] != '"' || fieldType(string(w.path)) != "number"
}

// redacted gives what a text says without the secrets.
func (w *rewriter) redacted(t text) (redacted string, changed bool) {
	said := []byte(t)
	if bytes.IndexByte(t, '\\') >= 0 {
		w.scratch = t.appendPlain(w.scratch[:0])
		said = w.scratch
	}
	return w.secrets.replace(view(said))
}

// redactRecord takes the secrets out of a record's text. In JSON each string is
// looked at by what it says, however it is escaped, so that none hides behind
// an escape and the record stays JSON.
func redactRecord(raw []byte, secrets *secrets) []byte {
	if rest, ok := bytes.CutPrefix(raw, []byte(bom)); ok {
		return append([]byte(bom), redactRecord(rest, secrets)...)
	}
	s := scanner{b: raw}
	s.space()
	if s.skip(); !s.end() {
		redacted, _ := secrets.replace(string(raw))
		return []byte(redacted)
	}
	w := rewriter{secrets: secrets, in: s, out: make([]byte, 0, len(raw)+64)}
	for i := 0; i < len(raw); {
		w.in.i = i
		switch c := raw[i]; {
		case c == '"':
			t := text(w.in.str())
			if redacted, changed := w.redacted(t); changed {
				w.out = event.AppendQuoted(w.out, redacted)
			} else {
				w.out = append(w.out, raw[i:w.in.i]...)
			}
			i = w.in.i
		case c == '-' || c-'0' <= 9:
			w.in.number()
			w.out = secrets.appendNumber(w.out, raw[i:w.in.i])
			i = w.in.i
		default:
			w.out = append(w.out, c)
			i++
		}
	}
	return w.out
}
