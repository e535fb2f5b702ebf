package config

import (
	"fmt"
	"slices"
	"strings"
)

// Reference is the documentation of every field as Markdown: the top level,
// then what all sources share, each kind of source, and so on. It comes from
// the types and tags that the decoder uses, so it cannot be wrong about names,
// types and defaults.
func Reference(kinds Kinds) string {
	var b strings.Builder
	b.WriteString("## Top level\n\n")
	table(&b, rows(shapeOfFile(), ""))
	group(&b, "source", kinds.Sources)
	b.WriteString("\n## Processors\n")
	for _, k := range kinds.Processors {
		fmt.Fprintf(&b, "\n### `%s`\n\n", k.Name)
		if s := shapeOfKind(k); s.kind == "object" {
			table(&b, rows(s, ""))
		} else {
			fmt.Fprintln(&b, k.Doc)
		}
	}
	group(&b, "sink", kinds.Sinks)
	return b.String()
}

// row is one field of a table.
type row struct{ name, typ, deflt, doc string }

// group writes the fields that all kinds have alike, then each kind's own.
func group(b *strings.Builder, word string, kinds []Kind) {
	all := make([][]row, len(kinds))
	for i, k := range kinds {
		all[i] = rows(shapeOfKind(k), "")
	}
	var shared []row
	if len(all) > 1 {
		for _, r := range all[0] {
			if !slices.ContainsFunc(all, func(rows []row) bool { return !slices.Contains(rows, r) }) {
				shared = append(shared, r)
			}
		}
	}
	fmt.Fprintf(b, "\n## %ss\n", strings.ToUpper(word[:1])+word[1:])
	if len(shared) > 0 {
		fmt.Fprintf(b, "\n### Every %s\n\n", word)
		table(b, shared)
	}
	for i, k := range kinds {
		fmt.Fprintf(b, "\n### `type: %s`\n\n", k.Name)
		table(b, slices.DeleteFunc(all[i], func(r row) bool { return slices.Contains(shared, r) }))
	}
}

// rows lists the fields of an object, nested ones by their path.
func rows(s *shape, path string) []row {
	var all []row
	for _, f := range s.fields {
		name := joinPath(path, f.name)
		if f.kind == "object" {
			all = append(all, rows(f.shape, name)...)
			continue
		}
		all = append(all, row{name, typeText(f.shape), f.shown(), f.doc})
		if f.kind == "list" && f.elem.kind == "object" {
			all = append(all, rows(f.elem, name+"[]")...)
		}
	}
	return all
}

func typeText(s *shape) string {
	switch {
	case s.enum != nil:
		return "one of " + strings.Join(s.enum, ", ")
	case s.kind == "list":
		return "list of " + typeText(s.elem)
	case s.kind == "map":
		return "names with " + typeText(s.elem)
	case s.kind == "object":
		return "fields"
	case s.kind == "sections":
		return "names with fields"
	case s.kind == "any":
		return "see below"
	default:
		return s.kind
	}
}

func table(b *strings.Builder, rows []row) {
	if len(rows) == 0 {
		b.WriteString("It has no fields of its own.\n")
		return
	}
	escape := strings.NewReplacer("|", `\|`, "\n", " ")
	b.WriteString("| field | type | default | meaning |\n|---|---|---|---|\n")
	for _, r := range rows {
		deflt := ""
		if r.deflt != "" {
			deflt = "`" + escape.Replace(r.deflt) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", r.name, escape.Replace(r.typ), deflt, escape.Replace(r.doc))
	}
}
