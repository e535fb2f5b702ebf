package normalize

import (
	"bytes"
	"strings"

	"github.com/shiplog/shiplog/pkg/event"
)

// A node is an object of an event's document that a processor looks into. Only
// what it touches is taken apart: all else stays JSON, and keeps its place.
type node struct {
	members []branch
}

// A branch is a member: JSON as it is written, or an object that was opened.
type branch struct {
	name text
	raw  []byte
	node *node
}

// openNode takes an object apart, one level deep. raw is good JSON.
func openNode(raw []byte) *node {
	n := &node{members: make([]branch, 0, 16)}
	s := scanner{b: raw}
	s.open()
	for key, more := s.member(true); more; key, more = s.member(false) {
		n.members = append(n.members, branch{name: key, raw: s.value()})
	}
	return n
}

// child gives the member of a name; nil: there is none.
func (n *node) child(name string) *branch {
	for i := range n.members {
		if string(n.members[i].name) == name {
			return &n.members[i]
		}
	}
	return nil
}

// open gives a branch as an object; nil where it is none.
func (b *branch) open() *node {
	if b.node == nil && len(b.raw) > 0 && b.raw[0] == '{' {
		b.node = openNode(b.raw)
	}
	return b.node
}

// json gives a branch's value as it is to be written.
func (b *branch) json() []byte {
	if b.node != nil {
		return b.node.appendTo(nil)
	}
	return b.raw
}

// get gives the value at a dotted path as JSON; nil where there is none.
func (n *node) get(path string) []byte {
	for {
		name, rest, more := strings.Cut(path, ".")
		b := n.child(name)
		switch {
		case b == nil:
			return nil
		case !more:
			return b.json()
		}
		if n = b.open(); n == nil {
			return nil
		}
		path = rest
	}
}

// text gives the text at a path; empty where there is none. It may share memory
// with the document.
func (n *node) text(path string) string {
	raw := n.get(path)
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	t := text(raw[1 : len(raw)-1])
	if bytes.IndexByte(t, '\\') < 0 {
		return view(t)
	}
	return view(t.appendPlain(nil))
}

// set puts a value, which is JSON, at a path, in place of whatever is there or on
// the way there.
func (n *node) set(path string, value []byte) {
	for root := true; ; root = false {
		name, rest, more := strings.Cut(path, ".")
		b := n.child(name)
		if b == nil {
			b = n.add(name, root)
		}
		if !more {
			*b = branch{name: b.name, raw: value}
			return
		}
		below := b.open()
		if below == nil {
			below = &node{}
			*b = branch{name: b.name, node: below}
		}
		n, path = below, rest
	}
}

// add adds a member: in a document in front of shiplog, which stays the last.
func (n *node) add(name string, root bool) *branch {
	quoted := event.AppendEscaped(nil, []byte(name))
	n.members = append(n.members, branch{name: quoted})
	last := len(n.members) - 1
	if root && last > 0 {
		n.members[last], n.members[last-1] = n.members[last-1], n.members[last]
		last--
	}
	return &n.members[last]
}

// remove takes away what is at a path, and objects that are empty then.
func (n *node) remove(path string) {
	name, rest, more := strings.Cut(path, ".")
	for i := range n.members {
		b := &n.members[i]
		if string(b.name) != name {
			continue
		}
		if more {
			below := b.open()
			if below == nil {
				return
			}
			below.remove(rest)
			if len(below.members) > 0 {
				return
			}
		}
		n.members = append(n.members[:i], n.members[i+1:]...)
		return
	}
}

// appendTo writes the object.
func (n *node) appendTo(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range n.members {
		b := &n.members[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, b.name...)
		dst = append(dst, '"', ':')
		if b.node != nil {
			dst = b.node.appendTo(dst)
		} else {
			dst = append(dst, b.raw...)
		}
	}
	return append(dst, '}')
}
