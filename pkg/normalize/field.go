package normalize

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
)

// checkField tells why a field cannot be changed, as a mistake at path; nil: it
// can.
func checkField(s config.Section, path, name string) *config.Error {
	switch name {
	case "event.id", "event.action", "event.kind", "event.hash", "event.sequence", "event.original",
		"@timestamp", "ecs.version",
		"shiplog.source", "shiplog.delivery", "shiplog.replayed", "shiplog.journal":
		return s.Problem(path, "%s must stay as it is: delivery and verification stand on it", name)
	}
	if fieldType(name) != "" {
		return nil
	}
	if isOpen(name) {
		return s.Problem(path, "%s is a namespace: name a field in it, such as %s.team", name, name)
	}
	e := s.Problem(path, "%s is no field that an event can have", name)
	e.Near = filter.Nearest(name)
	return e
}

// fieldType is text, list, number or open; empty: there is no such field.
func fieldType(name string) string {
	fields := filter.Fields()
	if i := slices.IndexFunc(fields, func(f filter.Field) bool { return f.Name == name }); i >= 0 {
		if fields[i].Type == "open" {
			return "" // a namespace as a whole is no field
		}
		return fields[i].Type
	}
	if root, rest, _ := strings.Cut(name, "."); rest != "" && isOpen(root) {
		return "open"
	}
	return ""
}

// isOpen reports whether any name below this one is a field.
func isOpen(name string) bool {
	return slices.ContainsFunc(filter.Fields(), func(f filter.Field) bool { return f.Name == name && f.Type == "open" })
}

// errNoPlace says that a value cannot go where it was told to.
var errNoPlace = errors.New("the value does not fit the field")

// fit makes a value, as JSON, into one that a field of that name and kind can
// hold.
func fit(name, kind string, value []byte) ([]byte, error) {
	isText, isList := value[0] == '"', value[0] == '['
	switch {
	case strings.HasPrefix(name, "labels."), kind == "text": // labels are all keyword
		if !isText {
			value = event.AppendQuoted(nil, value)
		}
	case kind == "list" && !isList:
		value = append(append([]byte{'['}, value...), ']')
	case kind == "number" && (value[0] != '-' && value[0]-'0' > 9):
		return nil, fmt.Errorf("%w: %s is a number", errNoPlace, name)
	}
	if isIP(name) && !validIP(value) {
		return nil, fmt.Errorf("%w: %s is an IP address", errNoPlace, name)
	}
	return value, nil
}

// isIP reports whether a field takes nothing but IP addresses: Elasticsearch
// refuses the whole document otherwise.
func isIP[T string | []byte](name T) bool {
	switch string(name) {
	case "source.ip", "client.ip", "destination.ip", "server.ip", "host.ip", "observer.ip", "related.ip":
		return true
	default:
		return false
	}
}

// validIP reports whether a JSON value is an IP, or a list of nothing else.
func validIP(value []byte) bool {
	s := scanner{b: value}
	switch s.peek() {
	case '"':
		_, err := netip.ParseAddr(string(s.str()))
		return err == nil
	case '[':
		s.open()
		for more := s.element(true); more; more = s.element(false) {
			if !validIP(s.value()) {
				return false
			}
		}
		return true
	default:
		return false
	}
}
