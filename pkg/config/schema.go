package config

import (
	"encoding/json"
	"strconv"
)

// Patterns of the schema. Anything may be written as ${…}, of which the schema
// can only say that it is one.
const (
	referencePattern = `\$\{`
	durationPattern  = `^(0|([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h|d))+)$|\$\{`
	sizePattern      = `^[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB)?$|\$\{`
	namePattern      = `^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`
)

type object = map[string]any

// Schema is a JSON Schema (draft 2020-12) of a config file, for editors.
func Schema(kinds Kinds) ([]byte, error) {
	top := schemaOf(shapeOfFile())
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "shiplog"
	top["description"] = "Configuration of shiplog. In every value, ${VAR}, ${VAR:-default} and ${file:/path} are resolved; $$ is a dollar sign."
	top["required"] = []string{"sources", "sinks"}
	properties, _ := top["properties"].(object)
	defs := object{}
	describe(properties, "sources", named("source", kinds.Sources, defs))
	describe(properties, "sinks", named("sink", kinds.Sinks, defs))
	describe(properties, "processors", processors(kinds.Processors))
	top["$defs"] = defs
	return json.MarshalIndent(top, "", "  ")
}

// describe replaces a property's schema and keeps its description.
func describe(properties object, name string, schema object) {
	if old, ok := properties[name].(object); ok && old["description"] != nil {
		schema["description"] = old["description"]
	}
	properties[name] = schema
}

// named is the schema of sources or sinks: what a name may hold depends on its
// type.
func named(word string, kinds []Kind, defs object) object {
	names := make([]string, len(kinds))
	cases := make([]any, len(kinds))
	for i, k := range kinds {
		def := word + "_" + k.Name
		names[i] = k.Name
		defs[def] = schemaOf(shapeOfKind(k))
		cases[i] = object{
			"if":   object{"properties": object{"type": object{"const": k.Name}}, "required": []string{"type"}},
			"then": object{"$ref": "#/$defs/" + def},
		}
	}
	one := object{
		"type":       "object",
		"required":   []string{"type"},
		"properties": object{"type": object{"enum": names, "description": "Kind of the " + word + "."}},
	}
	if len(cases) > 0 {
		one["allOf"] = cases
	}
	return object{
		"type":                 "object",
		"minProperties":        1,
		"propertyNames":        object{"pattern": namePattern},
		"additionalProperties": one,
	}
}

// processors is a list of objects that have one key each, the processor's kind.
func processors(kinds []Kind) object {
	item := object{"type": "object", "minProperties": 1, "maxProperties": 1}
	if len(kinds) > 0 {
		properties := object{}
		for _, k := range kinds {
			p := schemaOf(shapeOfKind(k))
			if k.Doc != "" {
				p["description"] = k.Doc
			}
			properties[k.Name] = p
		}
		item["properties"], item["additionalProperties"] = properties, false
	}
	return object{"type": []string{"array", "null"}, "items": item}
}

func schemaOf(s *shape) object {
	o := object{}
	switch s.kind {
	case "object":
		properties := object{}
		for _, f := range s.fields {
			p := schemaOf(f.shape)
			if f.doc != "" {
				p["description"] = f.doc
			}
			properties[f.name] = p
		}
		o = object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	case "map":
		o = object{"type": []string{"object", "null"}, "additionalProperties": schemaOf(s.elem)}
	case "list":
		o = object{"type": []string{"array", "null"}, "items": schemaOf(s.elem)}
	case "duration":
		o = object{"type": "string", "pattern": durationPattern}
	case "size":
		o = object{"anyOf": []any{object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": sizePattern}}}
	case "text", "secret":
		o = textSchema(s)
	case "true or false":
		o = orReference(object{"type": "boolean"})
	case "number":
		o = orReference(bounded(s, object{"type": "number"}))
	case "whole number":
		o = orReference(bounded(s, object{"type": "integer"}))
	}
	if s.deflt != nil {
		o["default"] = s.deflt
	}
	return o
}

// textSchema lets numbers and the like stand for texts, as the decoder does.
func textSchema(s *shape) object {
	if s.enum != nil {
		var allowed []any
		for _, e := range s.enum {
			allowed = append(allowed, e)
			if n, err := strconv.ParseFloat(e, 64); err == nil {
				allowed = append(allowed, n)
			}
		}
		return orReference(object{"enum": allowed})
	}
	return object{"type": []string{"string", "number", "boolean", "null"}}
}

func orReference(o object) object {
	return object{"anyOf": []any{o, object{"type": "string", "pattern": referencePattern}}}
}

func bounded(s *shape, o object) object {
	if least, err := strconv.ParseFloat(s.least, 64); err == nil {
		o["minimum"] = least
	}
	if most, err := strconv.ParseFloat(s.most, 64); err == nil {
		o["maximum"] = most
	}
	return o
}
