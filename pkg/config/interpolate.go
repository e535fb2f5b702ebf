package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxFile bounds what ${file:…} reads, in bytes.
const maxFile = 1 << 20

// A part is a piece of a template: text, a variable or a file.
type part struct {
	text string // literal text, where env and file are empty
	env  string // name of an environment variable
	def  string // its default
	hasD bool
	file string // path of a file
}

// parseTemplate splits a scalar's text. Text without a dollar sign is one part.
func parseTemplate(s string) ([]part, error) {
	var parts []part
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String()})
			text.Reset()
		}
	}
	for s != "" {
		before, after, found := strings.Cut(s, "$")
		text.WriteString(before)
		if !found {
			break
		}
		s = after
		switch {
		case strings.HasPrefix(s, "$"):
			text.WriteByte('$')
			s = s[1:]
		case strings.HasPrefix(s, "{"):
			inner, rest, closed := strings.Cut(s[1:], "}")
			if !closed {
				return nil, errors.New("${ without its }; write $${ for the characters themselves")
			}
			p, err := parseReference(inner)
			if err != nil {
				return nil, err
			}
			flush()
			parts = append(parts, p)
			s = rest
		default:
			text.WriteByte('$')
		}
	}
	flush()
	return parts, nil
}

func parseReference(inner string) (part, error) {
	if path, ok := strings.CutPrefix(inner, "file:"); ok {
		if path == "" {
			return part{}, errors.New("${file:} without a path")
		}
		return part{file: path}, nil
	}
	name, def, hasDefault := strings.Cut(inner, ":-")
	if !isVariable(name) {
		return part{}, fmt.Errorf("${%s} is neither ${VARIABLE}, ${VARIABLE:-default} nor ${file:/path}; write $${ for the characters themselves", inner)
	}
	return part{env: name, def: def, hasD: hasDefault}, nil
}

func isVariable(s string) bool {
	for i, r := range []byte(s) {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// resolve gives a part's text now.
func (p part) resolve() (string, error) {
	switch {
	case p.file != "":
		return readTrimmed(p.file)
	case p.env != "":
		value, set := os.LookupEnv(p.env)
		switch {
		case p.hasD && value == "":
			return p.def, nil
		case !set:
			return "", fmt.Errorf("environment variable %s is not set; set it, or give a default: ${%s:-…}", p.env, p.env)
		}
		return value, nil
	default:
		return p.text, nil
	}
}

// expand resolves a scalar's text. All unset variables are in the error.
func expand(s string) (string, error) {
	if !strings.Contains(s, "$") {
		return s, nil
	}
	parts, err := parseTemplate(s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	var errs []error
	for _, p := range parts {
		text, err := p.resolve()
		if err != nil {
			errs = append(errs, err)
		}
		b.WriteString(text)
	}
	return b.String(), errors.Join(errs...)
}

// interpolated tells whether a scalar's text refers to anything outside it.
func interpolated(s string) bool {
	parts, err := parseTemplate(s)
	if err != nil {
		return false
	}
	for _, p := range parts {
		if p.env != "" || p.file != "" {
			return true
		}
	}
	return false
}

func readTrimmed(name string) (string, error) {
	f, err := os.Open(name) // #nosec G304 -- the user named it in the config
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("read %s: larger than 1 MiB, which is no secret", name)
	}
	return strings.TrimSpace(string(data)), nil
}
