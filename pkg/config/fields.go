package config

import (
	"reflect"
	"strings"
)

// field is one field of a config struct, with inline structs merged in.
type field struct {
	name  string
	index []int
	typ   reflect.Type
	tag   reflect.StructTag
}

// fieldsOf lists what a struct may have in YAML, in the order of declaration.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		inline := strings.Contains(options, "inline") || f.Anonymous && name == ""
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case inline && f.Type.Kind() == reflect.Struct:
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				all = append(all, inner)
			}
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		all = append(all, field{name: name, index: []int{i}, typ: f.Type, tag: f.Tag})
	}
	return all
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// nearestField suggests a field for an unknown name: one further down that has
// this very name, else the nearest name here, else the nearest further down.
func nearestField(name string, fields []field) string {
	deeper := map[string]string{} // name to path
	var names []string
	for _, f := range fields {
		t := f.typ
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || isValue(t) {
			continue
		}
		for _, inner := range fieldsOf(t) {
			if deeper[inner.name] == "" {
				deeper[inner.name] = f.name + "." + inner.name
				names = append(names, inner.name)
			}
		}
	}
	if path := deeper[name]; path != "" {
		return path
	}
	if near := Nearest(name, fieldNames(fields)); near != "" {
		return near
	}
	return deeper[Nearest(name, names)]
}
