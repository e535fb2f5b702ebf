package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// parse reads one YAML document. Its root is nil for an empty file. Where lines
// are no YAML, they are reported, and the root is what the file says without
// them, nil if that cannot be told.
func parse(file string, data []byte) (*yaml.Node, Errors) {
	var errs Errors
	for {
		root, err := parseStrictly(data)
		if err == nil {
			return root, errs
		}
		e, start := syntaxError(file, data, err)
		switch {
		case len(errs) == 0:
			errs = append(errs, e)
		case len(errs) == maxSyntaxErrors:
			return nil, errs
		case !strings.Contains(e.Message, "unknown anchor"): // which was on a line left out
			errs = append(errs, e)
		}
		without := leaveOut(data, start)
		if without == nil {
			return nil, errs
		}
		data = without
	}
}

// errSecond is the mistake of a file with more than one document.
var errSecond = errors.New("a second document begins here; a config has only one")

func parseStrictly(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // an empty file has no root, which is no error here
	}
	if err == nil {
		err = dec.Decode(&more)
	}
	switch {
	case err == nil:
		return nil, errSecond
	case !errors.Is(err, io.EOF):
		return nil, err
	case len(doc.Content) == 0:
		return nil, nil //nolint:nilnil // as above
	}
	return doc.Content[0], nil
}

const (
	maxSyntaxErrors = 8
	maxSearched     = 8 << 20 // bytes parsed to find one: each step parses the beginning of the file
)

// syntaxError finds the line of a syntax error and its offset: the library
// names where the broken structure began, or the line before the mistake. The
// line wanted is the one after the longest beginning of the file that is valid
// by itself. The offset is -1 where there is none.
func syntaxError(file string, data []byte, err error) (*Error, int) {
	said := regexp.MustCompile(`(?s)^(?:yaml: )?(?:line (\d+): )?(.*)$`).FindStringSubmatch(err.Error())
	message := said[len(said)-1]
	e := &Error{File: file, Message: "not valid YAML: " + message}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines)*len(data) > maxSearched {
		e.Line, _ = strconv.Atoi(said[1]) // better than nothing
		return e, -1
	}
	end, good := len(data), len(lines)
	for ; good > 0; good-- {
		if _, err := parseStrictly(data[:end]); err == nil {
			break
		}
		end -= len(lines[good-1])
	}
	if good == len(lines) {
		return e, -1
	}
	line := string(lines[good])
	e.Line, e.Column = good+1, len(line)-len(strings.TrimLeft(line, " \t"))+1
	if errors.Is(err, errSecond) {
		e.Message = message
		return e, -1
	}
	e.Message += syntaxHint(message, line)
	return e, end
}

// leaveOut blanks the line that begins at start and those after it that are
// indented deeper, so that the rest keeps its positions. It returns nil where
// nothing is left to blank.
func leaveOut(data []byte, start int) []byte {
	if start < 0 || len(bytes.TrimSpace(firstLine(data[start:]))) == 0 {
		return nil
	}
	out := bytes.Clone(data)
	indent := indentOf(firstLine(data[start:]))
	for at := start; at < len(data); {
		line := firstLine(data[at:])
		if at > start && len(bytes.TrimSpace(line)) > 0 && indentOf(line) <= indent {
			break
		}
		for i := range line {
			if out[at+i] != '\n' {
				out[at+i] = ' '
			}
		}
		at += len(line)
	}
	return out
}

func firstLine(data []byte) []byte {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i+1]
	}
	return data
}

func indentOf(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " \t")) }

// syntaxHint says what most often is behind a syntax error.
func syntaxHint(message, line string) string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		return "; indent with spaces, not tabs"
	case strings.Contains(line, "${") && strings.ContainsAny(strings.ReplaceAll(line, "${", ""), "[{"):
		return `; within [ ] and { }, put quotes around "${…}"`
	case strings.HasPrefix(message, "mapping values are not allowed") && strings.Count(line, ": ") > 1:
		return `; put quotes around a text that has ": " in it`
	case strings.HasPrefix(message, "mapping values are not allowed"), strings.HasPrefix(message, "did not find expected key"):
		return "; check how far the line is indented"
	default:
		return ""
	}
}
