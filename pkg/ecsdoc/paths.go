package ecsdoc

import (
	"errors"
	"strings"
)

// ErrMalformed says that a document is not a JSON object.
var ErrMalformed = errors.New("the document is not a JSON object")

// Paths is a set of fields to look up together. It may be used from many
// goroutines.
type Paths struct {
	root node
	size int
}

// A node is one name of a path.
type node struct {
	children []child
	slot     int // of the path that ends here; -1: none does
	below    int // how many paths end here or below
}

type child struct {
	name string
	node *node
}

// NewPaths makes a set of dotted field names, such as user.target.id. The slot
// of a field is its index here.
func NewPaths(fields ...string) *Paths {
	p := &Paths{root: node{slot: -1}, size: len(fields)}
	for slot, field := range fields {
		p.add(field, slot)
	}
	return p
}

func (p *Paths) add(field string, slot int) {
	n := &p.root
	n.below++
	for name := range strings.SplitSeq(field, ".") {
		next := n.child([]byte(name))
		if next == nil {
			next = &node{slot: -1}
			n.children = append(n.children, child{name, next})
		}
		next.below++
		n = next
	}
	n.slot = slot
}

func (n *node) child(name []byte) *node {
	for i := range n.children {
		if c := &n.children[i]; len(c.name) == len(name) && c.name == string(name) {
			return c.node
		}
	}
	return nil
}

// Len is the number of fields in the set.
func (p *Paths) Len() int { return p.size }

// Read looks the fields up in doc. values has Len elements and is overwritten:
// nil where the document has no such field. The values share doc's memory. Names
// with dots in them count as nested ones.
func (p *Paths) Read(doc []byte, values []Value) error {
	return p.ReadRest(doc, values, nil)
}

// ReadRest is Read, and calls rest for every member that is in no path of the
// set: with the path of the object that it is in, its name as it stands in the
// document (escaped, without quotes), and its value.
func (p *Paths) ReadRest(doc []byte, values []Value, rest func(parent Parent, name []byte, value Value)) error {
	clear(values)
	s := scanner{doc: doc, values: values, rest: rest, missing: p.size}
	if s.object(skipSpace(doc, 0), &p.root, Parent{}) < 0 {
		return ErrMalformed
	}
	return nil
}

// Parent is the path of an object: its names, outermost first. Only the first
// Depth names are set.
type Parent struct {
	Names [4]string
	Depth int
}

// AppendTo appends the dotted path, with a dot after every name.
func (p *Parent) AppendTo(dst []byte) []byte {
	for _, name := range p.Names[:p.Depth] {
		dst = append(dst, name...)
		dst = append(dst, '.')
	}
	return dst
}

func (p Parent) with(name string) Parent {
	if p.Depth < len(p.Names) {
		p.Names[p.Depth] = name
		p.Depth++
	}
	return p
}
