// Package config reads shiplog's YAML strictly: every mistake is reported at
// once, with file, line, column and the nearest known name. It resolves ${…},
// owns the value types that configs are made of, and describes any config type
// as JSON Schema and as Markdown. It knows no component: what a source or a
// sink may say is known to its own package, which decodes its Section.
//
// Struct tags that the decoder, the schema and the reference understand:
//
//	yaml:"name"       the field's name; ",inline" merges a struct's fields
//	doc:"…"           one sentence for the schema and the reference
//	enum:"a,b"        the only texts allowed, enforced
//	min:"1" max:"9"   bounds of numbers, sizes and durations, enforced
//
// Text is interpolated inside scalars only, so that no value can change the
// structure of the file: ${VAR} reads the environment (unset is an error),
// ${VAR:-default} has a default for unset or empty, ${file:/path} is a file's
// content without surrounding white space, $$ is a dollar sign. A dollar sign
// before anything else is itself.
package config
