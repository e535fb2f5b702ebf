package config

import "gopkg.in/yaml.v3"

// A Section is a part of a config file that somebody else knows the fields of,
// such as one sink.
type Section struct {
	File string
	Node *yaml.Node
}

// Decode decodes the section over the defaults that are in into, a pointer to a
// struct. Unknown fields and values of the wrong type are errors; all of them
// are returned, as Errors.
func (s Section) Decode(into any) error { return s.Node.Decode(into) }
