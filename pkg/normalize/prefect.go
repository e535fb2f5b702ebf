package normalize

import (
	"bytes"
	"slices"

	"github.com/shiplog/shiplog/pkg/event"
)

// fields is a record taken apart. Its parts are slices of the record.
type fields struct {
	id, occurred, received, event text
	follows, account, workspace   text

	resource     resource
	related      []resource
	relates      []byte // the whole array, where all its elements are objects
	relatesDepth int

	payload      []byte // the whole value; nil: none
	payloadDepth int
	details      details // what the payload says that has a place of its own

	outcome text // of a generic record

	extra []member       // members that the event does not have, or of the wrong type
	index map[string]int // of extra by name, where there are many; nil: not made

	seen bool // at least one member that an event has
}

type member struct {
	key   text
	value []byte
}

// resource is the resource that an event is about, or one that is related.
type resource struct {
	whole                         []byte
	depth                         int // of whole; of the event's own resource only
	id, role, name, handle, email text
	labels                        bool // it has labels besides its id and its name
}

// maxSpare is how many related resources and how many members the memory for the
// next record has room for at most, whatever a record had.
const maxSpare = 1024

func (f *fields) reset() {
	var next fields
	if cap(f.related) <= maxSpare {
		clear(f.related)
		next.related = f.related[:0]
	}
	if cap(f.extra) <= maxSpare {
		clear(f.extra)
		next.extra = f.extra[:0]
	}
	*f = next
}

// decodePrefect takes an event of Prefect apart: the form of its API, its
// websocket and its command line. Whatever has the wrong type is kept as extra.
// The whole text is checked; the fault, if any, is the scanner's.
func decodePrefect(s *scanner, f *fields) {
	s.open()
	for key, more := s.member(true); more; key, more = s.member(false) {
		if bytes.IndexByte(key, '\\') >= 0 {
			key = text(key).appendPlain(nil)
		}
		start := s.i
		if !f.take(s, key) && s.fault == "" {
			s.i = start
			var value []byte
			if s.depthOf(func() { value = s.value() }) > maxFlat {
				value = event.AppendQuoted(nil, view(value))
			}
			f.keep(key, value)
		}
	}
}

// take reads a member that events have, and reports whether it was one. On
// false the scanner may stand anywhere within the value.
func (f *fields) take(s *scanner, key []byte) bool {
	var into *text
	switch string(key) {
	case "id":
		into = &f.id
	case "occurred":
		into = &f.occurred
	case "received":
		into = &f.received
	case "event":
		into = &f.event
	case "follows":
		into = &f.follows
	case "account":
		into = &f.account
	case "workspace":
		into = &f.workspace
	case "resource":
		if s.peek() != '{' {
			return s.null()
		}
		f.seen = true
		f.resource = resource{}
		f.resource.depth = s.depthOf(func() { f.resource.read(s) })
		return true
	case "related":
		if s.peek() != '[' {
			return s.null()
		}
		f.seen = true
		objects := false
		f.relatesDepth = s.depthOf(func() { objects = f.readRelated(s) })
		return objects
	case "payload":
		f.seen = true
		f.readPayload(s)
		return true
	default:
		return false
	}
	if s.peek() != '"' {
		return s.null()
	}
	f.seen = true
	*into = s.str()
	return true
}

// null reads a null, and reports whether there was one.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.word("null")
	return true
}

// keep remembers a member; of two of the same name the last counts, as in most
// readers of JSON.
func (f *fields) keep(key text, value []byte) {
	if i := f.indexOf(key); i >= 0 {
		f.extra[i].value = value
		return
	}
	f.extra = append(f.extra, member{key, value})
	if f.index != nil {
		f.index[view(key)] = len(f.extra) - 1
	}
}

// fewMembers is how many members are quickly looked through.
const fewMembers = 64

// indexOf gives where a member is in extra; less than 0: nowhere. A record may
// have hundreds of thousands, so that many are not looked through for each.
func (f *fields) indexOf(key text) int {
	if len(f.extra) <= fewMembers {
		return slices.IndexFunc(f.extra, func(m member) bool { return bytes.Equal(m.key, key) })
	}
	if f.index == nil {
		f.index = make(map[string]int, 2*fewMembers)
		for i := range f.extra {
			f.index[view(f.extra[i].key)] = i
		}
	}
	if i, there := f.index[view(key)]; there {
		return i
	}
	return -1
}

// read reads a resource: an object of labels.
func (r *resource) read(s *scanner) {
	start := s.i
	s.open()
	for key, more := s.member(true); more; key, more = s.member(false) {
		if s.peek() != '"' {
			r.labels = true
			s.skip()
			continue
		}
		value := s.str()
		switch string(key) {
		case "prefect.resource.id":
			r.id = value
		case "prefect.resource.role":
			r.role = value
		case "prefect.resource.name":
			r.name = value
		case "prefect.name", "prefect-cloud.name": // older words for the name
			if r.name == nil {
				r.name = value
			}
		case "prefect-cloud.handle":
			r.handle = value
		case "prefect-cloud.email":
			r.email = value
		default:
			r.labels = true
		}
	}
	if s.fault == "" {
		r.whole = s.b[start:s.i]
	}
	if r.email == nil && isEmail(r.name) {
		r.email = r.name
	}
}

// readRelated reads the related resources. It returns false where one of them
// is no object: then the whole is kept as it is, beside.
func (f *fields) readRelated(s *scanner) bool {
	start := s.i
	f.related = f.related[:0]
	s.open()
	for more := s.element(true); more; more = s.element(false) {
		if s.peek() != '{' {
			s.depth-- // the caller goes back to before the array
			f.related = f.related[:0]
			return false
		}
		f.related = append(f.related, resource{})
		f.related[len(f.related)-1].read(s)
	}
	if s.fault == "" && len(f.related) > 0 {
		f.relates = s.b[start:s.i]
	}
	return true
}

// readPayload reads the payload, of any type.
func (f *fields) readPayload(s *scanner) {
	start := s.i
	f.details = details{}
	f.payloadDepth = s.depthOf(func() {
		if s.peek() == '{' {
			f.details.read(s, 0)
		} else {
			s.skip()
		}
	})
	if s.fault != "" {
		return
	}
	f.payload = s.b[start:s.i]
	switch string(f.payload) {
	case "{}", "null", "[]", `""`:
		f.payload = nil
	}
}

// byRole gives the first related resource with one of the roles; nil: none.
func (f *fields) byRole(roles ...string) *resource {
	for i := range f.related {
		for _, role := range roles {
			if string(f.related[i].role) == role {
				return &f.related[i]
			}
		}
	}
	return nil
}

// kind is the type in a resource id such as prefect-cloud.api-key.UUID; empty
// where the id has another form.
func (r *resource) kind() text {
	rest, ok := cutReserved(r.id)
	if !ok {
		return nil
	}
	kind, _, ok := bytes.Cut(rest, []byte("."))
	if !ok {
		return nil
	}
	return kind
}

// bare is the id without namespace and type, or the whole id where it has
// another form.
func (r *resource) bare() text {
	if rest, ok := cutReserved(r.id); ok {
		if i := bytes.IndexByte(rest, '.'); i >= 0 && i+1 < len(rest) {
			return rest[i+1:]
		}
	}
	return r.id
}

func cutReserved(id text) (text, bool) {
	if !bytes.HasPrefix(id, []byte("prefect")) {
		return nil, false
	}
	rest := id[len("prefect"):]
	if bytes.HasPrefix(rest, []byte("-cloud.")) {
		return rest[len("-cloud."):], true
	}
	return bytes.CutPrefix(rest, []byte("."))
}

// label is the best name that there is for a reader: name, handle or bare id.
func (r *resource) label() text {
	switch {
	case len(r.name) > 0:
		return r.name
	case len(r.handle) > 0:
		return r.handle
	default:
		return r.bare()
	}
}

// isEmail tells an e-mail address from a name; that is all it is good for.
func isEmail(t text) bool {
	at := bytes.IndexByte(t, '@')
	return at > 0 && at < len(t)-3 && bytes.IndexByte(t, ' ') < 0 && bytes.IndexByte(t[at:], '.') > 0
}
