package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A matcher is what a value must be: equal to one that was written, or
// {matches: REGEXP}, {contains: VALUE}, {exists: true}, {absent: true}.
type matcher struct {
	text     string // as it is shown
	equal    any
	matches  *regexp.Regexp
	contains any
	exists   bool
	absent   bool
}

func newMatcher(n *yaml.Node) (matcher, error) {
	n = unalias(n)
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		value := unalias(n.Content[1])
		switch n.Content[0].Value {
		case "matches":
			re, err := regexp.Compile(value.Value)
			return matcher{text: "matches " + value.Value, matches: re}, err
		case "contains":
			v, text, err := valueOf(value)
			return matcher{text: "contains " + text, contains: v}, err
		case "exists", "absent":
			exists := (n.Content[0].Value == "exists") == (value.Value == "true")
			if exists {
				return matcher{text: "anything", exists: true}, nil
			}
			return matcher{text: nothing, absent: true}, nil
		}
	}
	v, text, err := valueOf(n)
	return matcher{text: text, equal: v}, err
}

// nothing is how a value is shown that is not there.
const nothing = "(not there)"

// ok compares. there says whether there is a value.
func (m *matcher) ok(got any, there bool) bool {
	switch {
	case m.absent:
		return !there
	case !there:
		return false
	case m.exists:
		return true
	case m.matches != nil:
		return m.matches.MatchString(plain(got))
	case m.contains != nil:
		return contains(got, m.contains)
	default:
		return reflect.DeepEqual(got, m.equal)
	}
}

func contains(got, want any) bool {
	switch got := got.(type) {
	case string:
		return strings.Contains(got, plain(want))
	case []any:
		for _, one := range got {
			if reflect.DeepEqual(one, want) {
				return true
			}
		}
	}
	return false
}

// plain is a text as it is, anything else as JSON.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return show(v)
}

// show is a value as JSON, on one line.
func show(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// valueOf reads a YAML value as the JSON that it stands for.
func valueOf(n *yaml.Node) (v any, text string, err error) {
	b, err := appendJSON(nil, n, 0)
	if err != nil {
		return nil, "", err
	}
	v, err = decodeJSON(b)
	return v, string(b), err
}

// decodeJSON keeps numbers as they are written.
func decodeJSON(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// recordOf is a record as a source would read it.
func recordOf(n *yaml.Node) ([]byte, error) {
	n = unalias(n)
	if n.Kind == yaml.ScalarNode {
		return []byte(strings.TrimRight(n.Value, "\n")), nil
	}
	return appendJSON(nil, n, 0)
}

// maxNesting is beyond what any event has; aliases could make it endless.
const maxNesting = 100

var errNesting = fmt.Errorf("is nested more than %d deep", maxNesting)

// appendJSON writes YAML as JSON: members in their order, times as the text that
// they were written as.
func appendJSON(b []byte, n *yaml.Node, depth int) (_ []byte, err error) {
	if depth > maxNesting {
		return b, errNesting
	}
	n = unalias(n)
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i, m := range membersOf(n, depth) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, show(m.name)...), ':')
			if b, err = appendJSON(b, m.value, depth+1); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, one := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, one, depth+1); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case yaml.ScalarNode:
		return appendScalar(b, n)
	default:
		return b, errors.New("is no value")
	}
}

type member struct {
	name  string
	value *yaml.Node
}

// membersOf gives the members of a mapping, with those that << takes over from
// another and that it does not have itself.
func membersOf(n *yaml.Node, depth int) []member {
	var own, taken []member
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() != "!!merge" {
			own = append(own, member{n.Content[i].Value, n.Content[i+1]})
			continue
		}
		from := unalias(n.Content[i+1])
		if from.Kind == yaml.MappingNode && depth < maxNesting {
			taken = append(taken, membersOf(from, depth+1)...)
		}
	}
	for _, m := range taken {
		if !slices.ContainsFunc(own, func(o member) bool { return o.name == m.name }) {
			own = append(own, m)
		}
	}
	return own
}

func appendScalar(b []byte, n *yaml.Node) ([]byte, error) {
	switch n.ShortTag() {
	case "!!null":
		return append(b, "null"...), nil
	case "!!int", "!!float", "!!bool":
		if json.Valid([]byte(n.Value)) {
			return append(b, n.Value...), nil
		}
		var v any
		if err := n.Decode(&v); err != nil {
			return b, err
		}
		written, err := json.Marshal(v)
		return append(b, written...), err
	default:
		return append(b, show(n.Value)...), nil
	}
}

func unalias(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode || n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		if n.Kind == yaml.DocumentNode {
			n = n.Content[0]
			continue
		}
		n = n.Alias
	}
	return n
}

// lookup gives the value at a dotted path. A name with dots of its own, as in
// labels, is found too.
func lookup(v any, path string) (found any, there bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	if found, there = object[path]; there {
		return found, true
	}
	for i, c := range path {
		if c != '.' {
			continue
		}
		if below, ok := object[path[:i]]; ok {
			if found, there = lookup(below, path[i+1:]); there {
				return found, true
			}
		}
	}
	return nil, false
}
