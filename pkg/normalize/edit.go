package normalize

import (
	"errors"
	"fmt"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
)

// set puts constants into fields.
type set struct {
	names  []string
	values [][]byte // as JSON
}

func compileSet(s config.Section) (processor, error) {
	p := &set{}
	var errs []error
	for _, f := range s.Fields() {
		if e := checkField(s, f.Name, f.Name); e != nil {
			errs = append(errs, e)
			continue
		}
		v, err := constantValue(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := allowed(f.Name, v); err != nil {
			errs = append(errs, s.Problem(f.Name, "%s", err))
			continue
		}
		value, err := fit(f.Name, fieldType(f.Name), appendValue(nil, v))
		if err != nil {
			errs = append(errs, s.Problem(f.Name, "%s", err))
			continue
		}
		p.names, p.values = append(p.names, f.Name), append(p.values, value)
	}
	if len(s.Fields()) == 0 {
		errs = append(errs, s.Problem("", "must map fields to values, such as labels.environment: prod"))
	}
	return p, config.Join(errs...)
}

// constantValue reads the value that a field is set to.
func constantValue(f config.Named) (any, error) {
	switch fieldType(f.Name) {
	case "list":
		var list []string
		err := f.Decode(&list)
		many := make([]any, len(list))
		for i, one := range list {
			many[i] = one
		}
		return many, err
	case "number":
		var n int
		err := f.Decode(&n)
		return n, err
	default:
		var text string
		err := f.Decode(&text)
		return text, err
	}
}

// allowed complains of a value that the field never has: the envelope, and with
// it every format but ECS, would not take it.
func allowed(name string, v any) error {
	switch n, _ := v.(int); {
	case name == "event.severity" && (n < int(event.Info) || n > int(event.Critical)):
		return fmt.Errorf("event.severity is 1 (info) to 5 (critical), not %d", n)
	case name == "event.outcome" && v != "success" && v != "failure" && v != "unknown":
		return fmt.Errorf("event.outcome is success, failure or unknown, not %q", v)
	}
	return nil
}

func (p *set) kind() string { return "set" }

func (p *set) process(d *draft) (keep bool, err error) {
	root := d.opened()
	for i, name := range p.names {
		root.set(name, p.values[i])
	}
	d.dirty = true
	return true, nil
}

// rename moves what is in one field to another.
type rename struct {
	from, to []string
	kinds    []string // of the fields in to
}

func compileRename(s config.Section) (processor, error) {
	p := &rename{}
	var errs []error
	for _, f := range s.Fields() {
		var to string
		if err := f.Decode(&to); err != nil {
			errs = append(errs, err)
			continue
		}
		before := len(errs)
		for _, name := range []string{f.Name, to} {
			if e := checkField(s, f.Name, name); e != nil {
				errs = append(errs, e)
			}
		}
		if len(errs) == before {
			p.from, p.to = append(p.from, f.Name), append(p.to, to)
			p.kinds = append(p.kinds, fieldType(to))
		}
	}
	if len(s.Fields()) == 0 {
		errs = append(errs, s.Problem("", "must map old fields to new ones, such as user.id: labels.actor"))
	}
	return p, config.Join(errs...)
}

func (p *rename) kind() string { return "rename" }

func (p *rename) process(d *draft) (keep bool, err error) {
	root := d.opened()
	var errs []error
	for i, from := range p.from {
		value := root.get(from)
		if value == nil {
			continue
		}
		value, err := fit(p.to[i], p.kinds[i], value)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		root.remove(from)
		root.set(p.to[i], value)
		d.dirty = true
	}
	return true, errors.Join(errs...)
}
