package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Redacted is the effective config as YAML, secrets hidden: with defaults and
// resolved variables in the parts that were decoded, and as the file has them,
// with their ${…}, in those that were not.
func (f *File) Redacted() []byte {
	var root yaml.Node
	if err := root.Encode(f); err != nil {
		return fmt.Appendf(nil, "# cannot be shown: %v\n", err)
	}
	hideUserinfo(&root)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&root); err != nil {
		return fmt.Appendf(nil, "# cannot be shown: %v\n", err)
	}
	return b.Bytes()
}

// MarshalYAML keeps the order of the file.
func (s Sections) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, one := range s {
		value, err := one.redacted()
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: one.Name, Tag: "!!str"}, value)
	}
	return n, nil
}

// MarshalYAML hides secrets.
func (s Section) MarshalYAML() (any, error) { return s.redacted() }

func (s Section) redacted() (*yaml.Node, error) {
	if isNull(s.Node) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	}
	r := redactor{doc: s.document()}
	return r.node(s.Node, "", 0)
}

// redactor copies nodes without their secrets.
type redactor struct {
	doc   *document
	nodes int
}

func (r *redactor) node(n *yaml.Node, key string, depth int) (*yaml.Node, error) {
	n = resolveAlias(n)
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("%s unfolds to too much", r.doc.file)
	}
	r.doc.mu.Lock()
	decoded, known := r.doc.decoded[n]
	secret := r.doc.secrets[n]
	r.doc.mu.Unlock()
	if known {
		var typed yaml.Node
		err := typed.Encode(decoded)
		return &typed, err
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Value != "" && (secret || soundsSecret(key)) || strings.Contains(n.Value, "${file:") {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: hidden}, nil
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Value: n.Value, Style: n.Style}, nil
	case yaml.SequenceNode:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, c := range n.Content {
			item, err := r.node(c, key, depth+1)
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, item)
		}
		return list, nil
	default:
		m := &yaml.Node{Kind: yaml.MappingNode}
		for _, p := range pairsOf(n) {
			value, err := r.node(p.value, p.key.Value, depth+1)
			if err != nil {
				return nil, err
			}
			m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: p.key.Value}, value)
		}
		return m, nil
	}
}

// soundsSecret is for parts that nobody has decoded, whose types are unknown.
func soundsSecret(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"pass", "secret", "token", "key", "credential", "auth"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// hideUserinfo hides user and password within URLs, wherever they are.
func hideUserinfo(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "@") {
		n.Value = regexp.MustCompile(`://[^/@\s]+@`).ReplaceAllString(n.Value, "://"+hidden+"@")
	}
	for _, c := range n.Content {
		hideUserinfo(c)
	}
}
