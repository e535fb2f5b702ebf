package filter

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/shiplog/shiplog/pkg/event"
)

// A test is a comparison of one field with constants, asked in one step.
type test func(*lookup) bool

// binary replaces the comparison at node where it can be asked in one step, and
// complains of one that could never be true.
func (r *resolver) binary(node *ast.Node, n *ast.BinaryNode) {
	left, onLeft := r.resolved[n.Left]
	if right, ok := r.resolved[n.Right]; ok && n.Operator == "in" && (right.kind == list || right.kind == open) {
		r.swapIn(node, n, right)
		return
	}
	if !onLeft {
		return
	}
	var t test
	switch left.kind {
	case text:
		t = r.textTest(left, n)
	case list:
		t = r.listTest(node, left, n)
	case number:
		t = numberTest(left, n)
	case open:
		r.openTest(node, n)
	case unknown: // is never resolved
	}
	if t != nil {
		r.replace(node, t)
	}
}

// replace makes node ask a test.
func (r *resolver) replace(node *ast.Node, t test) {
	r.filter.tests = append(r.filter.tests, t)
	call(node, "$test", &ast.IdentifierNode{Value: "$env"}, &ast.IntegerNode{Value: len(r.filter.tests) - 1})
}

// call replaces node by a call of one of our functions.
func call(node *ast.Node, function string, args ...ast.Node) {
	c := &ast.CallNode{Callee: &ast.IdentifierNode{Value: function}, Arguments: args}
	c.SetLocation((*node).Location())
	ast.Patch(node, c)
}

func (r *resolver) textTest(f ref, n *ast.BinaryNode) test {
	if n.Operator == "in" {
		wants := stringsOf(n.Right)
		if wants == nil {
			return nil
		}
		for want := range wants {
			r.checkValue(f, n.Right, want)
		}
		return func(l *lookup) bool { _, ok := wants[l.text(f)]; return ok }
	}
	constant, ok := n.Right.(*ast.StringNode)
	if !ok {
		return nil
	}
	want := constant.Value
	if n.Operator == "==" || n.Operator == "!=" {
		r.checkValue(f, n.Right, want)
	}
	switch n.Operator {
	case "==":
		return func(l *lookup) bool { return l.text(f) == want }
	case "!=":
		return func(l *lookup) bool { return l.text(f) != want }
	case "contains":
		return func(l *lookup) bool { return strings.Contains(l.text(f), want) }
	case "startsWith":
		return func(l *lookup) bool { return strings.HasPrefix(l.text(f), want) }
	case "endsWith":
		return func(l *lookup) bool { return strings.HasSuffix(l.text(f), want) }
	case "matches":
		pattern, err := regexp.Compile(want)
		if err != nil {
			r.complain(n.Right, "", "%v", err)
			return nil
		}
		return func(l *lookup) bool { return pattern.MatchString(l.text(f)) }
	}
	return nil
}

// checkValue complains of a value that the field can never have.
func (r *resolver) checkValue(f ref, at ast.Node, want string) {
	if f.name == "event.outcome" && !slices.Contains(outcomes, want) {
		r.complain(at, "", `event.outcome is never %q; it is "success", "failure", "unknown" or ""`, want)
	}
}

var outcomes = []string{event.Success.String(), event.Failure.String(), event.Unknown.String(), ""}

func (r *resolver) listTest(node *ast.Node, f ref, n *ast.BinaryNode) test {
	switch n.Operator {
	case "contains":
		if constant, ok := n.Right.(*ast.StringNode); ok {
			return func(l *lookup) bool { return l.has(f, constant.Value) }
		}
		call(node, "$has", n.Left, n.Right)
	case "==", "!=", "in", "startsWith", "endsWith", "matches":
		if _, ok := n.Right.(*ast.NilNode); !ok {
			r.complain(n.Left, "", "%s is a list: ask for an element with contains, or any(%s, # %s ...)", f.name, f.name, n.Operator)
		}
	}
	return nil
}

func numberTest(f ref, n *ast.BinaryNode) test {
	constant, ok := n.Right.(*ast.IntegerNode)
	if !ok {
		return nil
	}
	want := constant.Value
	switch n.Operator {
	case "==":
		return func(l *lookup) bool { return l.number(f) == want }
	case "!=":
		return func(l *lookup) bool { return l.number(f) != want }
	case "<":
		return func(l *lookup) bool { return l.number(f) < want }
	case "<=":
		return func(l *lookup) bool { return l.number(f) <= want }
	case ">":
		return func(l *lookup) bool { return l.number(f) > want }
	case ">=":
		return func(l *lookup) bool { return l.number(f) >= want }
	}
	return nil
}

// openTest makes a comparison with a field of unknown type false, rather than an
// error, where the types do not fit.
func (r *resolver) openTest(node *ast.Node, n *ast.BinaryNode) {
	f := r.resolved[n.Left]
	if constant, ok := n.Right.(*ast.StringNode); ok {
		if t := r.openTextTest(f, n, constant.Value); t != nil {
			r.replace(node, t)
			return
		}
	}
	switch n.Operator {
	case "contains":
		call(node, "$has", n.Left, n.Right)
	case "startsWith", "endsWith", "matches", "<", "<=", ">", ">=":
		call(node, "$compare", n.Left, &ast.StringNode{Value: n.Operator}, n.Right)
	}
}

// openTextTest compares an open field with a constant text.
func (r *resolver) openTextTest(f ref, n *ast.BinaryNode, want string) test {
	switch n.Operator {
	case "==":
		return func(l *lookup) bool { got, ok := l.openText(f); return ok && got == want }
	case "!=":
		return func(l *lookup) bool { got, ok := l.openText(f); return !ok || got != want }
	case "startsWith":
		return func(l *lookup) bool { got, ok := l.openText(f); return ok && strings.HasPrefix(got, want) }
	case "endsWith":
		return func(l *lookup) bool { got, ok := l.openText(f); return ok && strings.HasSuffix(got, want) }
	case "matches":
		pattern, err := regexp.Compile(want)
		if err != nil {
			r.complain(n.Right, "", "%v", err)
			return nil
		}
		return func(l *lookup) bool { got, ok := l.openText(f); return ok && pattern.MatchString(got) }
	}
	return nil
}

// cidr asks of a field whether it is in one of the networks, which are parsed
// once where they are constants.
func (r *resolver) cidr(node *ast.Node, f ref, networks []ast.Node) {
	prefixes := make([]netip.Prefix, 0, len(networks))
	for _, network := range networks {
		constant, ok := network.(*ast.StringNode)
		if !ok {
			return
		}
		prefix, err := netip.ParsePrefix(constant.Value)
		if err != nil {
			r.complain(network, "", "%q is not a network such as 10.0.0.0/8", constant.Value)
			return
		}
		prefixes = append(prefixes, prefix)
	}
	r.replace(node, func(l *lookup) bool {
		address, err := netip.ParseAddr(l.text(f))
		if err != nil {
			return false
		}
		address = address.Unmap()
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
	})
}

// swapIn asks for an element of a field: "iam" in event.category.
func (r *resolver) swapIn(node *ast.Node, n *ast.BinaryNode, f ref) {
	if constant, ok := n.Left.(*ast.StringNode); ok && f.kind == list {
		r.replace(node, func(l *lookup) bool { return l.has(f, constant.Value) })
		return
	}
	call(node, "$has", n.Right, n.Left)
}

// stringsOf gives the constants of an array of strings; nil where it is not one.
func stringsOf(node ast.Node) map[string]struct{} {
	array, ok := node.(*ast.ArrayNode)
	if !ok {
		return nil
	}
	all := make(map[string]struct{}, len(array.Nodes))
	for _, element := range array.Nodes {
		s, ok := element.(*ast.StringNode)
		if !ok {
			return nil
		}
		all[s.Value] = struct{}{}
	}
	return all
}
