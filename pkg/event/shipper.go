package event

import "bytes"

// A Shipper is who ships events: what the documents of all of them say alike.
// It may be used from many goroutines.
type Shipper struct {
	// Agent identifies the agent for as long as its data directory lives; Name
	// is what people call it, Version what it runs. Empty: not known, and not
	// said.
	Agent, Name, Version string

	// Journal identifies the journal that Event.Sequence counts in: a sequence
	// is unique only together with it, for a journal that was begun anew begins
	// at 1. Empty: not known.
	Journal string

	members [4]field // of the agent object, in its order
	agent   []byte   // the object as a member that follows others
	journal []byte   // likewise, in the shiplog object
}

type field struct {
	name  string
	value []byte // quoted
}

// NewShipper encodes once what every document gets.
func NewShipper(agent, name, version, journal string) *Shipper {
	s := &Shipper{Agent: agent, Name: name, Version: version, Journal: journal}
	if journal != "" {
		s.journal = AppendQuoted([]byte(`,"journal":`), journal)
	}
	if agent == "" {
		return s
	}
	for i, m := range [...][2]string{{"id", agent}, {"name", name}, {"type", "shiplog"}, {"version", version}} {
		s.members[i].name = m[0]
		if m[1] != "" {
			s.members[i].value = AppendQuoted(nil, m[1])
		}
	}
	s.agent = append(s.appendMembers([]byte(`,"agent":{`), []byte("{}"), 0), '}')
	return s
}

// appendMembers appends what the object at doc[at] does not say itself.
func (s *Shipper) appendMembers(dst, doc []byte, at int) []byte {
	for i := range s.members {
		m := &s.members[i]
		if m.value == nil || valueOf(doc, at, m.name) >= 0 {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), m.name...), '"', ':')
		dst = append(dst, m.value...)
	}
	return dst
}

// complete adds to the agent object at doc[at], where that has no id, what it does
// not say. It appends doc[from:] as far as it had to look, and returns where to go
// on.
func (s *Shipper) complete(dst, doc []byte, from, at int) ([]byte, int) {
	if s.agent == nil || doc[at] != '{' || valueOf(doc, at, "id") >= 0 {
		return dst, from
	}
	dst = s.appendMembers(append(dst, doc[from:at+1]...), doc, at)
	if doc[at+1] != '}' {
		dst = append(dst, ',')
	}
	return dst, at + 1
}

// ownAgent finds the agent object that a document has already: the index of its
// value; less than 0: it has none. Quotes in texts are escaped, so that a document
// with a member of that name shows it as it is searched for. The search begins with
// the letter of it that is rarest: that is ten times as fast.
func ownAgent(doc []byte) int {
	const front, back = `"a`, `gent":`
	for i := 0; ; i += len(back) {
		at := bytes.Index(doc[i:], []byte(back))
		if at < 0 {
			return -1
		}
		if i += at; bytes.HasSuffix(doc[:i], []byte(front)) {
			return valueOf(doc, 0, "agent")
		}
	}
}

// valueOf returns where the value of a member begins in the object at doc[at];
// less than 0 where the object has no such member. doc is JSON without blanks, as
// we write it.
func valueOf(doc []byte, at int, name string) int {
	depth := 0
	for i := at; i < len(doc); i++ {
		switch doc[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return -1
			}
		case '"':
			end := endOfText(doc, i+1)
			if depth == 1 && end+1 < len(doc) && doc[end+1] == ':' && string(doc[i+1:end]) == name {
				return end + 2
			}
			i = end
		}
	}
	return -1
}

// endOfText returns the index of the quote that ends the text at doc[i].
func endOfText(doc []byte, i int) int {
	for ; i < len(doc) && doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i
}
