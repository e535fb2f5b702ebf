package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// A Section is a part of a config file that somebody else knows the fields of,
// such as one sink. The zero Section is one that the file does not have: it
// decodes to the defaults.
type Section struct {
	File string
	Node *yaml.Node
	Path string // within the file, such as sinks.elastic

	doc *document
}

// Named is a section with its name in the file.
type Named struct {
	Name string
	Section
}

// Sections are named sections in the order of the file.
type Sections []Named

// Get returns a section by name.
func (s Sections) Get(name string) (Section, bool) {
	for _, n := range s {
		if n.Name == name {
			return n.Section, true
		}
	}
	return Section{}, false
}

// document is what the sections of one file share.
type document struct {
	file string

	mu       sync.Mutex         // guards what follows
	decoded  map[*yaml.Node]any // what a mapping was last decoded into, for Redacted
	secrets  map[*yaml.Node]bool
	warnings Errors
}

func newDocument(file string) *document {
	return &document{file: file, decoded: map[*yaml.Node]any{}, secrets: map[*yaml.Node]bool{}}
}

func (d *document) warn(e *Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.warnings = append(d.warnings, e)
}

// ParseSection reads YAML as one section, as if it stood alone in a file: for
// tests, and for tools that have no whole config.
func ParseSection(file string, data []byte) (Section, error) {
	node, errs := parse(file, data)
	if len(errs) > 0 {
		return Section{}, errs.orNil()
	}
	return Section{File: file, Node: node, doc: newDocument(file)}, nil
}

func (s Section) document() *document {
	if s.doc != nil {
		return s.doc
	}
	return newDocument(s.File)
}

// IsZero tells whether the file has no such section.
func (s Section) IsZero() bool { return s.Node == nil }

// Decode decodes the section over the defaults that are in into, a pointer,
// usually to a struct. Unknown fields, fields given twice, values of the wrong
// type, values out of bounds and variables that are not set are errors; all of
// them are returned, as Errors.
func (s Section) Decode(into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("decode %s into %T: not a pointer", s.Path, into)
	}
	if s.Node == nil {
		return nil
	}
	d := &decoder{doc: s.document()}
	d.value(s.Node, place{path: s.Path}, v.Elem(), "")
	if len(d.errs) == 0 && v.Elem().Kind() == reflect.Struct && v.Elem().Type() != sectionType {
		d.doc.mu.Lock()
		d.doc.decoded[resolveAlias(s.Node)] = into
		d.doc.mu.Unlock()
	}
	return d.errs.orNil()
}

// Check puts together what Decode returned and what the validations say, each
// with its position in the file. A validation's complaint about a field that
// Decode already complained about is left out. Warnings go to File.Warnings.
func (s Section) Check(decoded error, validations ...func() error) error {
	all := flatten(decoded)
	spoilt := map[string]bool{}
	for _, e := range all {
		spoilt[e.Path] = true
		if e.Near != "" {
			parent := e.Path[:strings.LastIndexByte(e.Path, '.')+1]
			spoilt[parent+e.Near] = true
		}
	}
	if spoilt[s.Path] {
		return all.orNil() // not even the right kind of thing
	}
	for _, validate := range validations {
		for _, e := range s.locate(validate()) {
			if !spoilt[e.Path] {
				all = append(all, e)
			}
		}
	}
	return all.orNil()
}

// locate gives positions to what a Validate method returned, and puts warnings
// aside.
func (s Section) locate(err error) Errors {
	var all Errors
	for _, f := range fieldErrors(err) {
		e := s.at(f.Path, f.Err.Error())
		if f.Warning {
			s.document().warn(e)
			continue
		}
		all = append(all, e)
	}
	return all
}

// Problem is a mistake in the section, with the position of the field at path
// (empty: of the section).
func (s Section) Problem(path, format string, args ...any) *Error {
	return s.at(path, fmt.Sprintf(format, args...))
}

func (s Section) at(path, message string) *Error {
	e := &Error{File: s.File, Path: joinPath(s.Path, path), Message: message}
	if n := find(s.Node, nil, path); n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	return e
}

// Pick reads the field that says of which kind the section is. It must be one
// of known.
func (s Section) Pick(field string, known []string) (string, *Error) {
	var kind string
	found := false
	for _, f := range s.Fields() {
		if f.Name == field {
			found = true
			if err := f.Decode(&kind); err != nil {
				return "", flatten(err)[0]
			}
		}
	}
	for _, k := range known {
		if k == kind {
			return kind, nil
		}
	}
	if !found || kind == "" {
		return "", s.Problem(field, "is missing; write one of %s", strings.Join(known, ", "))
	}
	e := s.Problem(field, "%q is none of %s", kind, strings.Join(known, ", "))
	e.Near = Nearest(kind, known)
	return "", e
}

// Items returns the elements of a section that is a list; none where it is not.
func (s Section) Items() []Section {
	n := resolveAlias(s.Node)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]Section, len(n.Content))
	for i, c := range n.Content {
		items[i] = Section{File: s.File, Node: c, Path: fmt.Sprintf("%s[%d]", s.Path, i), doc: s.doc}
	}
	return items
}

// Fields returns the values of a section that is a mapping, in the order of the
// file; none where it is not.
func (s Section) Fields() Sections {
	pairs := pairsOf(s.Node)
	fields := make(Sections, 0, len(pairs))
	for _, p := range pairs {
		fields = append(fields, Named{p.key.Value, Section{File: s.File, Node: p.value, Path: joinPath(s.Path, p.key.Value), doc: s.doc}})
	}
	return fields
}

// find returns the node to point at for a path below n: the deepest one that
// exists. A mapping is pointed at by its key.
func find(n, key *yaml.Node, path string) *yaml.Node {
	n = resolveAlias(n)
	if n == nil {
		return key
	}
	if index, rest, ok := cutIndex(path); ok && n.Kind == yaml.SequenceNode && index < len(n.Content) {
		return find(n.Content[index], n.Content[index], rest)
	}
	for _, p := range pairsOf(n) {
		rest, ok := strings.CutPrefix(path, p.key.Value)
		if !ok || p.key.Value == "" || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		return find(p.value, p.key, strings.TrimPrefix(rest, "."))
	}
	if key != nil && n.Kind != yaml.ScalarNode {
		return key
	}
	return n
}

// cutIndex splits "[3].rest".
func cutIndex(path string) (index int, rest string, ok bool) {
	inner, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
	if !ok || !strings.HasPrefix(path, "[") {
		return 0, "", false
	}
	for _, r := range inner {
		if r < '0' || r > '9' || index > 1<<20 {
			return 0, "", false
		}
		index = index*10 + int(r-'0')
	}
	return index, strings.TrimPrefix(rest, "."), inner != ""
}
