package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// parse reads one YAML document. Its root is nil for an empty file.
func parse(file string, data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // an empty file has no root, which is no error here
	} else if err != nil {
		return nil, syntaxError(file, data, err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); err == nil {
		return nil, Errors{{File: file, Line: more.Line, Column: more.Column, Message: "a second document; a config has only one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, data, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil //nolint:nilnil // as above
	}
	return doc.Content[0], nil
}

// maxSearched bounds the search for a syntax error's place, in lines: each
// step parses the file's beginning.
const maxSearched = 2000

// syntaxError finds the line of a syntax error: the library names where the
// broken structure began, or the line before the mistake. The line wanted is
// the one after the longest beginning of the file that is valid by itself.
func syntaxError(file string, data []byte, err error) Errors {
	e := &Error{File: file, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	e.Message = regexp.MustCompile(`^line \d+: `).ReplaceAllString(e.Message, "")
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines) > maxSearched {
		return Errors{e}
	}
	end, good := len(data), len(lines)
	for ; good > 0; good-- {
		var n yaml.Node
		if yaml.Unmarshal(data[:end], &n) == nil {
			break
		}
		end -= len(lines[good-1])
	}
	if good == len(lines) {
		return Errors{e} // only a stream of several documents
	}
	line := string(lines[good])
	e.Line, e.Column = good+1, len(line)-len(strings.TrimLeft(line, " \t"))+1
	e.Message = "not valid YAML: " + e.Message + syntaxHint(e.Message, line)
	return Errors{e}
}

// syntaxHint says what most often is behind a syntax error.
func syntaxHint(message, line string) string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		return "; indent with spaces, not tabs"
	case strings.Contains(line, "${") && strings.ContainsAny(strings.ReplaceAll(line, "${", ""), "[{"):
		return `; within [ ] and { }, put quotes around "${…}"`
	case strings.HasPrefix(message, "mapping values are not allowed"):
		return `; put quotes around a text that has ": " in it`
	default:
		return ""
	}
}

func resolveAlias(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < maxDepth; i++ {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// pair is one field of a mapping.
type pair struct{ key, value *yaml.Node }

// pairsOf lists a mapping's fields, with merged ones (<<) after its own. It
// passes over keys that are given twice; the decoder reports those.
func pairsOf(n *yaml.Node) []pair {
	var d decoder
	d.doc = newDocument("")
	return d.pairs(n, "")
}

// sortedPairs lists them by name.
func sortedPairs(n *yaml.Node) []pair {
	all := pairsOf(n)
	slices.SortFunc(all, func(a, b pair) int { return strings.Compare(a.key.Value, b.key.Value) })
	return all
}

// pairs lists a mapping's fields and reports keys that are given twice or are
// no text. Merged fields (<<) come after its own and never replace them.
func (d *decoder) pairs(n *yaml.Node, path string) []pair {
	seen := map[string]*yaml.Node{}
	return d.appendPairs(nil, seen, n, path, false, 0)
}

func (d *decoder) appendPairs(to []pair, seen map[string]*yaml.Node, n *yaml.Node, path string, merged bool, depth int) []pair {
	n = resolveAlias(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > maxDepth {
		return to
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolveAlias(n.Content[i]), n.Content[i+1]
		first, repeat := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fail(n.Content[i], path, "a name is needed before the colon, not %s", kindOf(key))
		case key.ShortTag() == "!!merge":
			merges = append(merges, value)
		case repeat && !merged:
			d.fail(n.Content[i], joinPath(path, key.Value), "is set twice; first on line %d", first.Line)
		case !repeat:
			seen[key.Value] = n.Content[i]
			to = append(to, pair{key, value})
		}
	}
	for _, m := range merges {
		to = d.merge(to, seen, m, path, depth)
	}
	return to
}

// merge adds the fields of what << names: a mapping or a list of mappings.
func (d *decoder) merge(to []pair, seen map[string]*yaml.Node, m *yaml.Node, path string, depth int) []pair {
	m = resolveAlias(m)
	if m == nil || m.Kind == yaml.ScalarNode {
		d.fail(m, joinPath(path, "<<"), "only a group of fields can be merged in")
		return to
	}
	if m.Kind == yaml.SequenceNode {
		for _, one := range m.Content {
			to = d.appendPairs(to, seen, one, path, true, depth+1)
		}
		return to
	}
	return d.appendPairs(to, seen, m, path, true, depth+1)
}
