package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// A ref is a field that an expression uses.
type ref struct {
	name     string
	kind     kind
	slot     int // among the paths; -1 where the envelope answers
	envelope *envelopeField
}

// A resolver replaces the field names of a parsed expression by calls that look
// them up, and simple comparisons of a field with constants by one call each.
// Nodes are visited from the leaves up.
type resolver struct {
	filter *Filter
	paths  []string

	partial  map[ast.Node]string // names that may still grow: event, event.action
	resolved map[ast.Node]ref
	declared []string // by let
	problems []problem
}

// A problem is a mistake in the expression, at a node that may yet turn out to
// be right once its parent is seen.
type problem struct {
	node ast.Node
	at   file.Location
	text string
	name string // the identifier that is not known, if that is the problem
}

// Visit is called by the compiler for every node.
func (r *resolver) Visit(node *ast.Node) {
	if r.partial == nil {
		r.partial = map[ast.Node]string{}
		r.resolved = map[ast.Node]ref{}
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.name(node, n.Value)
	case *ast.MemberNode:
		parent, growing := r.partial[n.Node]
		property, constant := n.Property.(*ast.StringNode)
		if growing && constant {
			r.forget(n.Node)
			r.name(node, parent+"."+property.Value)
		}
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			r.forget(callee)
			r.call(node, n, callee)
		}
	case *ast.VariableDeclaratorNode:
		r.declared = append(r.declared, n.Name)
	case *ast.BinaryNode:
		r.binary(node, n)
	}
}

// call checks a call of one of our functions, and of one that there is not.
func (r *resolver) call(node *ast.Node, n *ast.CallNode, callee *ast.IdentifierNode) {
	switch {
	case !slices.Contains(functionNames, callee.Value):
		r.complain(callee, "", "there is no function %s; there are %s and those of the expr language", callee.Value, strings.Join(functionNames, ", "))
	case callee.Value == "cidr" && len(n.Arguments) > 1:
		if f, ok := r.resolved[n.Arguments[0]]; ok && f.kind == text {
			r.cidr(node, f, n.Arguments[1:])
		}
	case callee.Value == "like" && len(n.Arguments) == 2:
		f, isField := r.resolved[n.Arguments[0]]
		pattern, constant := n.Arguments[1].(*ast.StringNode)
		if isField && constant && f.kind == text {
			r.replace(node, func(l *lookup) bool { return like(l.text(f), pattern.Value) })
		}
	}
}

// name resolves the dotted name that ends at node.
func (r *resolver) name(node *ast.Node, name string) {
	kind := kindOf(name)
	if kind != unknown {
		f := r.field(name, kind)
		call(node, loaders[kind], &ast.IdentifierNode{Value: "$env"}, &ast.IntegerNode{Value: len(r.filter.fields) - 1})
		r.resolved[*node] = f
		r.partial[*node] = name
		return
	}
	r.partial[*node] = name
	root, _, _ := strings.Cut(name, ".")
	switch suggestion := Nearest(name); {
	case isObject(name):
		r.complain(*node, root, "%s is an object; name one of the fields below it, such as %s", name, firstBelow(name))
	case suggestion != "":
		r.complain(*node, root, "there is no field %s; did you mean %s?", name, suggestion)
	default:
		r.complain(*node, root, "there is no field %s", name)
	}
}

// field gives the ref of a name and makes it the last of the filter's.
func (r *resolver) field(name string, kind kind) ref {
	f := ref{name: name, kind: kind, slot: -1, envelope: envelopeFields(name)}
	if f.envelope == nil {
		f.slot = slices.Index(r.paths, name)
		if f.slot < 0 {
			f.slot = len(r.paths)
			r.paths = append(r.paths, name)
		}
	}
	r.filter.fields = append(r.filter.fields, f)
	return f
}

// forget drops what was said about a node that its parent has taken over.
func (r *resolver) forget(node ast.Node) {
	delete(r.partial, node)
	delete(r.resolved, node)
	r.problems = slices.DeleteFunc(r.problems, func(p problem) bool { return p.node == node })
}

func (r *resolver) complain(node ast.Node, name, format string, args ...any) {
	r.problems = append(r.problems, problem{node, node.Location(), fmt.Sprintf(format, args...), name})
}

// problem gives the first mistake, nil where there is none.
func (r *resolver) problem(expression string) error {
	problems := slices.DeleteFunc(r.problems, func(p problem) bool {
		return p.name != "" && slices.Contains(r.declared, p.name)
	})
	if len(problems) == 0 {
		return nil
	}
	first := slices.MinFunc(problems, func(a, b problem) int { return a.at.From - b.at.From })
	e := &file.Error{Location: first.at, Message: first.text}
	return e.Bind(file.NewSource(expression))
}

func firstBelow(name string) string {
	for _, f := range Fields() {
		if strings.HasPrefix(f.Name, name+".") {
			return f.Name
		}
	}
	return strconv.Quote(name)
}
