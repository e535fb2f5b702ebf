package filter

import "github.com/expr-lang/expr/ast"

// Most filters are comparisons of fields with constants, joined by and, or and
// not. Those need no virtual machine: they are composed into one function, which
// takes no memory.

// compose makes a test of an expression that consists of tests; nil where it has
// anything else in it.
func (f *Filter) compose(node ast.Node) test {
	switch n := node.(type) {
	case *ast.BoolNode:
		return func(*lookup) bool { return n.Value }
	case *ast.CallNode:
		return f.testOf(n)
	case *ast.UnaryNode:
		inner := f.compose(n.Node)
		if inner == nil || n.Operator != "!" && n.Operator != "not" {
			return nil
		}
		return func(l *lookup) bool { return !inner(l) }
	case *ast.BinaryNode:
		return f.join(n)
	}
	return nil
}

func (f *Filter) join(n *ast.BinaryNode) test {
	left, right := f.compose(n.Left), f.compose(n.Right)
	if left == nil || right == nil {
		return nil
	}
	switch n.Operator {
	case "&&", "and":
		return func(l *lookup) bool { return left(l) && right(l) }
	case "||", "or":
		return func(l *lookup) bool { return left(l) || right(l) }
	}
	return nil
}

// testOf gives the test that a call stands for; nil where it is another call.
func (f *Filter) testOf(n *ast.CallNode) test {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || callee.Value != "$test" || len(n.Arguments) != 2 {
		return nil
	}
	i, ok := n.Arguments[1].(*ast.IntegerNode)
	if !ok || i.Value >= len(f.tests) {
		return nil
	}
	return f.tests[i.Value]
}
