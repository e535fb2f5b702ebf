package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a config file.
type Error struct {
	File    string // empty: the section was not read from a file
	Line    int    // from 1; 0: unknown
	Column  int    // from 1; 0: unknown
	Path    string // such as sinks.elastic.urls[0]; empty: the file as a whole
	Message string
	Near    string // the nearest known name; empty: none is near
}

// Error gives file:line:column, the path, the message and the nearest name.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		b.WriteByte(':')
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, "%d:", e.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Near != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Near)
	}
	return b.String()
}

// Errors is every mistake that was found, in the order of the file. Its text
// has one line for each.
type Errors []*Error

// Error gives one line for each mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single mistakes to errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// tidy sorts by position and removes repeats.
func (e Errors) tidy() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	seen := map[Error]bool{}
	return slices.DeleteFunc(e, func(one *Error) bool {
		repeat := seen[*one]
		seen[*one] = true
		return repeat
	})
}

// orNil keeps an empty list from becoming a non-nil error.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e.tidy()
}

// Join makes one list of what several steps of reading a config found. Lists
// are flattened; an error of any other kind becomes a mistake without a
// position. It returns nil where there is none.
func Join(errs ...error) error {
	all := make(Errors, 0, len(errs))
	for _, err := range errs {
		all = append(all, flatten(err)...)
	}
	return all.orNil()
}

func flatten(err error) Errors {
	if err == nil {
		return nil
	}
	if list, ok := errors.AsType[Errors](err); ok {
		return list
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return Errors{one}
	}
	return Errors{{Message: err.Error()}}
}

// FieldError says which field a mistake is in, by its path within the section
// that is validated, such as "batch.max_events" or "urls[0]". Section.Check
// turns it into a position in the file. Return several with errors.Join.
type FieldError struct {
	Path    string
	Warning bool // worth telling, but no reason to refuse
	Err     error
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// Problem is what a Validate method returns for a field that is wrong.
func Problem(path, format string, args ...any) error {
	return &FieldError{Path: path, Err: fmt.Errorf(format, args...)}
}

// Warn is what a Validate method returns for a field that is unwise, such as
// very small. The config is accepted all the same, and the warning is listed
// in File.Warnings.
func Warn(path, format string, args ...any) error {
	return &FieldError{Path: path, Warning: true, Err: fmt.Errorf(format, args...)}
}

// fieldErrors flattens joined and nested errors of a Validate method; paths of
// nested ones are joined.
func fieldErrors(err error) []*FieldError {
	return appendFieldErrors(nil, "", false, err)
}

func appendFieldErrors(to []*FieldError, path string, warning bool, err error) []*FieldError {
	switch e := err.(type) { //nolint:errorlint // each level is looked at on purpose
	case nil:
		return to
	case *FieldError:
		return appendFieldErrors(to, joinPath(path, e.Path), warning || e.Warning, e.Err)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			to = appendFieldErrors(to, path, warning, one)
		}
		return to
	default:
		if inner, ok := errors.AsType[*FieldError](err); ok {
			return appendFieldErrors(to, path, warning, inner)
		}
		return append(to, &FieldError{Path: path, Warning: warning, Err: err})
	}
}

func joinPath(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || strings.HasPrefix(b, "["):
		return a + b
	default:
		return a + "." + b
	}
}
