package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Kind is a kind of source, sink or processor: its name and a value of its
// config type that holds its defaults, such as a pointer to its struct.
type Kind struct {
	Name     string
	Settings any
	Doc      string // in a sentence; of processors whose Settings are no struct
}

// Kinds is everything that a config may name. It is how the schema and the
// reference know of components that this package does not.
type Kinds struct {
	Sources, Sinks, Processors []Kind
}

// shape is what a config type looks like in YAML.
type shape struct {
	kind   string // object, map, list, text, number, whole number, true or false, duration, size, secret, sections, any
	fields []shapeField
	elem   *shape // of a list or a map
	enum   []string
	least  string // from the min tag
	most   string // from the max tag
	deflt  any    // nil: none worth telling
}

type shapeField struct {
	name string
	doc  string
	*shape
}

// shapeOf describes a type by reflection; v holds its defaults, or is invalid.
func shapeOf(t reflect.Type, v reflect.Value, tag reflect.StructTag, depth int) *shape {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface && v.IsValid() && !v.IsNil() {
		if v.IsValid() && !v.IsNil() {
			v = v.Elem()
			t = v.Type()
			continue
		}
		t, v = t.Elem(), reflect.Value{}
	}
	s := &shape{kind: kindOfType(t), deflt: defaultOf(t, v), least: tag.Get("min"), most: tag.Get("max")}
	if list := tag.Get("enum"); list != "" {
		s.enum = strings.Split(list, ",")
	}
	if depth > maxDepth {
		return s
	}
	switch s.kind {
	case "object":
		for _, f := range fieldsOf(t) {
			var value reflect.Value
			if v.IsValid() {
				value = v.FieldByIndex(f.index)
			}
			s.fields = append(s.fields, shapeField{f.name, f.tag.Get("doc"), shapeOf(f.typ, value, f.tag, depth+1)})
		}
	case "list", "map":
		s.elem = shapeOf(t.Elem(), reflect.Value{}, tag, depth+1)
	}
	return s
}

func kindOfType(t reflect.Type) string {
	switch {
	case t == secretType:
		return "secret"
	case t == reflect.TypeFor[Duration]():
		return "duration"
	case t == reflect.TypeFor[Size]():
		return "size"
	case t == sectionsType:
		return "sections"
	case t == sectionType:
		return "any"
	case reflect.PointerTo(t).Implements(textType):
		return "text"
	}
	switch t.Kind() {
	case reflect.Struct:
		return "object"
	case reflect.Map:
		return "map"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Interface:
		return "any"
	default:
		return "whole number"
	}
}

// defaultOf gives a default as JSON shows it; nil for what says nothing.
func defaultOf(t reflect.Type, v reflect.Value) any {
	if !v.IsValid() || t == secretType || t == sectionType || t == sectionsType {
		return nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil && len(text) > 0 {
			return string(text)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			return v.String()
		}
	case reflect.Slice:
		if v.Len() > 0 {
			list := make([]any, v.Len())
			for i := range list {
				list[i] = defaultOf(t.Elem(), v.Index(i))
			}
			return list
		}
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	default:
	}
	return nil
}

// shapeOfKind describes a kind's settings.
func shapeOfKind(k Kind) *shape {
	if k.Settings == nil {
		return &shape{kind: "any"}
	}
	v := reflect.ValueOf(k.Settings)
	return shapeOf(v.Type(), v, "", 0)
}

// shapeOfFile describes the top level.
func shapeOfFile() *shape {
	f := Default()
	v := reflect.ValueOf(f)
	return shapeOf(v.Type(), v, "", 0)
}

// shown is a default as YAML would have it on one line.
func (s *shape) shown() string {
	switch d := s.deflt.(type) {
	case nil:
		return ""
	case string:
		return d
	case []any:
		parts := make([]string, len(d))
		for i, one := range d {
			parts[i] = fmt.Sprint(one)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case bool:
		return strconv.FormatBool(d)
	default:
		return fmt.Sprint(d)
	}
}
