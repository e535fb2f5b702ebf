// Package filter compiles the expressions of where and drop: type-checked once,
// then asked of every event. Fields of the envelope need no JSON; others are
// looked up in the event's document, in one pass and only once one is asked for.
//
// The language is that of github.com/expr-lang/expr. Fields are ECS names:
//
//	event.category contains "iam" && user.name != "ci-bot"
//	event.action startsWith "prefect-cloud.api-key." || event.severity >= 4
//	not cidr(source.ip, "10.0.0.0/8", "192.168.0.0/16")
//	like(user.email, "*@example.com")
//
// A field that an event does not have is "", 0 or an empty list. contains on a
// list asks for an element. prefect, labels and shiplog are open: any name below
// them is a field, whose type is only known when it is read. One that is missing
// is ""; where the types do not fit, a comparison is false, and != is true.
package filter

import (
	"fmt"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// A Filter is a compiled expression. It may be used from many goroutines.
type Filter struct {
	text    string
	program *vm.Program
	paths   *ecsdoc.Paths
	fields  []ref
	tests   []test
	whole   test      // the expression, where it is made of tests alone; or nil
	spare   sync.Pool // of *evaluation
}

// An evaluation is the memory that one Match needs.
type evaluation struct {
	vm     vm.VM
	lookup lookup
}

// maxLength bounds an expression, in bytes: its parser calls itself for every
// bracket, and a request to the API could have enough of them to overflow the
// stack, which ends the program.
const maxLength = 16 << 10

// Compile checks an expression. The error says where in the text it is wrong,
// and names the nearest field that exists. An expression has at most 16 KiB.
func Compile(expression string) (*Filter, error) {
	if len(expression) > maxLength {
		return nil, fmt.Errorf("the expression has %d bytes; at most %d are allowed", len(expression), maxLength)
	}
	f := &Filter{text: expression}
	r := &resolver{filter: f}
	options := append(functions(), expr.Env(&lookup{}), expr.AsBool(), expr.Patch(r))
	program, err := expr.Compile(expression, options...)
	if own := r.problem(expression); own != nil {
		return nil, own // says more than the compiler can, which knows no fields
	}
	if err != nil {
		return nil, err
	}
	f.program = program
	f.whole = f.compose(program.Node())
	f.paths = ecsdoc.NewPaths(r.paths...)
	f.spare.New = func() any {
		return &evaluation{lookup: lookup{filter: f, values: make([]ecsdoc.Value, f.paths.Len())}}
	}
	return f, nil
}

// String gives the expression as it was written.
func (f *Filter) String() string { return f.text }

// Match asks the expression of an event. An error means that it could not be
// answered for this event: callers keep the event and count the failure.
func (f *Filter) Match(e *event.Event) (bool, error) {
	ev, _ := f.spare.Get().(*evaluation)
	ev.lookup.event = e
	if f.whole != nil {
		matched := f.whole(&ev.lookup)
		ev.lookup.forget()
		f.spare.Put(ev)
		return matched, nil
	}
	result, err := ev.vm.Run(f.program, &ev.lookup)
	ev.lookup.forget()
	f.spare.Put(ev)
	if err != nil {
		return false, fmt.Errorf("filter: %w", err)
	}
	matched, ok := result.(bool)
	if !ok {
		return false, fmt.Errorf("filter: the expression gave %T instead of true or false", result)
	}
	return matched, nil
}
