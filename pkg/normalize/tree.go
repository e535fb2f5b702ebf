package normalize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shiplog/shiplog/pkg/event"
)

// A tree is a record that is a document already, decoded. Its values are what
// encoding/json makes, with json.Number for numbers.
type tree map[string]any

func parseTree(doc []byte) (tree, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var t tree
	err := d.Decode(&t)
	return t, err
}

// get gives the value at a dotted path.
func (t tree) get(path string) (v any, ok bool) {
	for {
		name, rest, more := strings.Cut(path, ".")
		v, ok = t[name]
		if !more || !ok {
			return v, ok
		}
		if t, ok = object(v); !ok {
			return nil, false
		}
		path = rest
	}
}

// object gives an object's members, whichever of its two types it has.
func object(v any) (tree, bool) {
	switch v := v.(type) {
	case tree:
		return v, true
	case map[string]any:
		return v, true
	default:
		return nil, false
	}
}

// text gives the text at a path; empty where there is none.
func (t tree) text(path string) string {
	v, _ := t.get(path)
	s, _ := v.(string)
	return s
}

// set puts a value at a path, in place of whatever is there or on the way there.
func (t tree) set(path string, v any) {
	for {
		name, rest, more := strings.Cut(path, ".")
		if !more {
			t[name] = v
			return
		}
		below, ok := object(t[name])
		if !ok {
			below = tree{}
			t[name] = below
		}
		t, path = below, rest
	}
}

// remove takes away what is at a path, and objects that are empty then.
func (t tree) remove(path string) {
	name, rest, more := strings.Cut(path, ".")
	if more {
		below, ok := object(t[name])
		if !ok {
			return
		}
		below.remove(rest)
		if len(below) > 0 {
			return
		}
	}
	delete(t, name)
}

// errDeep says that a document nests too deeply once its names are taken apart.
var errDeep = fmt.Errorf("the document, without dotted names, %s, past %d levels", faultDeep, maxDepth)

// expand takes dotted names apart: {"user.name":…} becomes {"user":{"name":…}}.
// A name may have a dot every other byte, so that objects may come to nest as
// deep as the record is long: more levels than there are left to use are errDeep.
func (t tree) expand(levels int) error {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		v := t[name]
		left := levels - 1 - strings.Count(name, ".")
		if left < 0 {
			return errDeep
		}
		if below, ok := object(v); ok {
			if err := below.expand(left); err != nil {
				return err
			}
		}
		if strings.Contains(strings.Trim(name, "."), ".") {
			delete(t, name)
			t.merge(name, v)
		}
	}
	return nil
}

// merge puts a value at a path, beside what an object there has already.
func (t tree) merge(path string, v any) {
	there, _ := t.get(path)
	into, isObject := object(there)
	from, fromObject := object(v)
	if !isObject || !fromObject {
		t.set(path, v)
		return
	}
	for name, value := range from {
		into.merge(name, value)
	}
}

// appendDoc writes the tree in the frame of an event's document.
func (t tree) appendDoc(dst []byte) []byte {
	dst = append(dst, `{"event":`...)
	dst = appendObject(dst, t["event"], "original")
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if name != "event" && name != "shiplog" {
			dst = append(dst, ',')
			dst = event.AppendQuoted(dst, name)
			dst = append(dst, ':')
			dst = appendValue(dst, t[name])
		}
	}
	dst = append(dst, `,"shiplog":`...)
	dst = appendObject(dst, t["shiplog"], "source")
	return append(dst, '}')
}

// appendObject writes an object with its member named first in front.
func appendObject(dst []byte, v any, first string) []byte {
	t, _ := object(v)
	dst = append(dst, '{')
	write := func(name string, v any) {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = event.AppendQuoted(dst, name)
		dst = append(dst, ':')
		dst = appendValue(dst, v)
	}
	if v, ok := t[first]; ok {
		write(first, v)
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if name != first {
			write(name, t[name])
		}
	}
	return append(dst, '}')
}

func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case json.Number:
		return append(dst, v...)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case uint:
		return strconv.AppendUint(dst, uint64(v), 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case string:
		return event.AppendQuoted(dst, v)
	case []string:
		dst = append(dst, '[')
		for i, s := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = event.AppendQuoted(dst, s)
		}
		return append(dst, ']')
	case []any:
		dst = append(dst, '[')
		for i, one := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, one)
		}
		return append(dst, ']')
	default:
		return appendObject(dst, v, "")
	}
}
