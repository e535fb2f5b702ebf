// Package config reads shiplog's YAML strictly: every mistake is reported, with
// file, line, column and the nearest known name. It resolves ${…}, and owns the
// value types that configs are made of. It knows no component.
package config
