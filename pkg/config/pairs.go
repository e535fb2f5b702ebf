package config

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

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
