package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Bounds on what one section may unfold to, so that aliases of aliases cost
// neither memory nor the stack.
const (
	maxNodes = 100_000
	maxDepth = 64
)

var (
	sectionType  = reflect.TypeFor[Section]()
	sectionsType = reflect.TypeFor[Sections]()
	secretType   = reflect.TypeFor[Secret]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isValue tells whether a struct type is a single value in YAML.
func isValue(t reflect.Type) bool {
	return t == secretType || t == sectionType || reflect.PointerTo(t).Implements(textType)
}

// place is where in the file a value is.
type place struct {
	path string
	key  *yaml.Node // of the value in its mapping; nil elsewhere
}

// decoder collects mistakes and goes on after each.
type decoder struct {
	doc   *document
	errs  Errors
	nodes int
	depth int
	spent bool // nodes or depth went past its bound, and that was reported
}

func (d *decoder) fail(n *yaml.Node, path, format string, args ...any) {
	d.failNear("", n, path, format, args...)
}

// failNear is fail with the nearest known name.
func (d *decoder) failNear(near string, n *yaml.Node, path, format string, args ...any) {
	e := &Error{File: d.doc.file, Path: path, Message: fmt.Sprintf(format, args...), Near: near}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	d.errs = append(d.errs, e)
}

// mistype reports a value that is of the wrong kind altogether.
func (d *decoder) mistype(n *yaml.Node, at place, want string) {
	if at.key != nil && n.Kind != yaml.ScalarNode {
		d.fail(at.key, at.path, "%s is needed here, not %s", want, kindOf(n))
		return
	}
	d.fail(n, at.path, "%s is needed here, not %s", want, kindOf(n))
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "fields"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!bool":
			return "true or false"
		case "!!int", "!!float":
			return "a number"
		case "!!null":
			return "nothing"
		}
		return "a text"
	default:
		return "this"
	}
}

// value decodes n into v. A null leaves the default.
func (d *decoder) value(n *yaml.Node, at place, v reflect.Value, tag reflect.StructTag) {
	n = resolveAlias(n)
	d.nodes++
	d.depth++
	defer func() { d.depth-- }()
	if d.nodes > maxNodes || d.depth > maxDepth {
		if !d.spent {
			d.fail(n, at.path, "unfolds to too much: aliases within aliases?")
		}
		d.spent, d.nodes = true, maxNodes
		return
	}
	if isNull(n) && v.Type() != sectionType && v.Type() != sectionsType {
		return
	}
	if d.special(n, at, v, tag) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, at, v.Elem(), tag)
	case reflect.Struct:
		d.structure(n, at, v)
		if t, ok := v.Addr().Interface().(*TLS); ok {
			t.Given = true
		}
	case reflect.Slice:
		d.list(n, at, v, tag)
	case reflect.Map:
		d.mapping(n, at, v, tag)
	case reflect.Interface:
		if x := d.untyped(n, at); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		d.scalar(n, at, v, tag)
	}
}

// special decodes the types that this package knows by name.
func (d *decoder) special(n *yaml.Node, at place, v reflect.Value, tag reflect.StructTag) bool {
	switch {
	case v.Type() == sectionType:
		v.Set(reflect.ValueOf(Section{File: d.doc.file, Node: n, Path: at.path, doc: d.doc}))
	case v.Type() == sectionsType:
		v.Set(reflect.ValueOf(d.sections(n, at)))
	case v.Type() == secretType:
		d.secret(n, at, v)
	case v.CanAddr() && v.Addr().Type().Implements(textType):
		text, ok := d.text(n, at)
		if !ok {
			break
		}
		u, _ := v.Addr().Interface().(encoding.TextUnmarshaler)
		if err := u.UnmarshalText([]byte(text)); err != nil {
			d.fail(n, at.path, "%s", blame(n, err))
			break
		}
		d.bounds(n, at, v, tag)
	default:
		return false
	}
	return true
}

// blame keeps what came out of a variable or a file out of the message.
func blame(n *yaml.Node, err error) string {
	if interpolated(n.Value) {
		return n.Value + " does not resolve to a valid value"
	}
	return err.Error()
}

func (d *decoder) sections(n *yaml.Node, at place) Sections {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.mistype(n, at, "a name for each")
		return nil
	}
	var all Sections
	for _, p := range d.pairs(n, at.path) {
		name := p.key.Value
		if why := badName(name); why != "" {
			d.fail(p.key, joinPath(at.path, name), "%s", why)
			continue
		}
		all = append(all, Named{name, Section{File: d.doc.file, Node: p.value, Path: joinPath(at.path, name), doc: d.doc}})
	}
	return all
}

// badName says what is wrong with the name of a source or a sink: it becomes a
// metric label and part of file names.
func badName(name string) string {
	if len(name) == 0 || len(name) > 63 {
		return "a name has 1 to 63 characters"
	}
	for i, r := range name {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && (i == 0 || r != '-' && r != '_') {
			return fmt.Sprintf("the name has %q in it; use letters, digits, - and _, beginning with a letter or digit", r)
		}
	}
	return ""
}

func (d *decoder) secret(n *yaml.Node, at place, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.mistype(n, at, "a text")
		return
	}
	d.doc.mu.Lock()
	d.doc.secrets[n] = true
	d.doc.mu.Unlock()
	s, err := parseSecret(n.Value)
	if err != nil {
		d.failAll(n, at, err)
		return
	}
	v.Set(reflect.ValueOf(s))
}

// failAll reports each of several joined errors.
func (d *decoder) failAll(n *yaml.Node, at place, err error) {
	for _, f := range fieldErrors(err) {
		d.fail(n, at.path, "%s", f.Err)
	}
}

// structure decodes fields by name, over what v holds.
func (d *decoder) structure(n *yaml.Node, at place, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.mistype(n, at, "a group of fields")
		return
	}
	fields := fieldsOf(v.Type())
	known := map[string]field{}
	for _, f := range fields {
		known[f.name] = f
	}
	before := len(d.errs)
	for _, p := range d.pairs(n, at.path) {
		path := joinPath(at.path, p.key.Value)
		f, ok := known[p.key.Value]
		if !ok {
			d.failNear(nearestField(p.key.Value, fields), p.key, path, "unknown field")
			continue
		}
		d.value(p.value, place{path, p.key}, v.FieldByIndex(f.index), f.tag)
	}
	if d.depth > 1 && len(d.errs) == before {
		d.validate(n, at, v)
	}
}

// validate asks a nested struct, such as TLS, about its own values.
func (d *decoder) validate(n *yaml.Node, at place, v reflect.Value) {
	if !v.CanAddr() {
		return
	}
	if u, ok := v.Addr().Interface().(interface{ Validate() error }); ok {
		s := Section{File: d.doc.file, Node: n, Path: at.path, doc: d.doc}
		for _, e := range s.locate(u.Validate()) {
			if e.Line == n.Line && e.Column == n.Column && at.key != nil {
				e.Line, e.Column = at.key.Line, at.key.Column
			}
			d.errs = append(d.errs, e)
		}
	}
}

func (d *decoder) list(n *yaml.Node, at place, v reflect.Value, tag reflect.StructTag) {
	if n.Kind != yaml.SequenceNode {
		d.mistype(n, at, "a list, such as [a, b],")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		d.value(c, place{path: fmt.Sprintf("%s[%d]", at.path, i)}, out.Index(i), tag)
	}
	v.Set(out)
}

func (d *decoder) mapping(n *yaml.Node, at place, v reflect.Value, tag reflect.StructTag) {
	if n.Kind != yaml.MappingNode {
		d.mistype(n, at, "a group of names with values")
		return
	}
	if v.Type().Key().Kind() != reflect.String {
		d.fail(n, at.path, "cannot be decoded into %s", v.Type())
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, p := range d.pairs(n, at.path) {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(p.value, place{joinPath(at.path, p.key.Value), p.key}, elem, tag)
		out.SetMapIndex(reflect.ValueOf(p.key.Value).Convert(v.Type().Key()), elem)
	}
	v.Set(out)
}

// untyped decodes into any. What came from a variable or a file stays a text.
func (d *decoder) untyped(n *yaml.Node, at place) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.mapping(n, at, reflect.ValueOf(&m).Elem(), "")
		return m
	case yaml.SequenceNode:
		var l []any
		d.list(n, at, reflect.ValueOf(&l).Elem(), "")
		return l
	default:
	}
	text, ok := d.text(n, at)
	if !ok || text != n.Value {
		return text
	}
	var x any
	if err := n.Decode(&x); err != nil {
		d.fail(n, at.path, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if _, ok := x.(time.Time); ok {
		return text // a date without quotes is a text to us
	}
	return x
}
