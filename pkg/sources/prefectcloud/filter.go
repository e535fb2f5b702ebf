package prefectcloud

import (
	"strings"
	"time"
)

// noise is what a self-hosted server's flows say all day; see the events
// documentation. None of it is a change that somebody made.
var noise = []string{"prefect.flow-run.*", "prefect.task-run.*", "prefect.worker.*", "prefect.log.write*"} //nolint:gochecknoglobals // a table

// names is which events are wanted, by name.
type names struct {
	prefix, name               []string // any of; both empty: all
	excludePrefix, excludeName []string // none of
}

func newNames(c Config, cloud bool) names {
	events, exclude := c.Events, c.Exclude
	switch {
	case len(events) > 0:
	case cloud:
		events = []string{"prefect-cloud.*"}
	default:
		exclude = append(append([]string(nil), exclude...), noise...)
	}
	var n names
	n.prefix, n.name = split(events)
	n.excludePrefix, n.excludeName = split(exclude)
	for _, p := range n.prefix {
		if p == "" {
			n.prefix, n.name = nil, nil // * is everything
			break
		}
	}
	return n
}

func split(patterns []string) (prefixes, whole []string) {
	for _, p := range patterns {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			prefixes = append(prefixes, prefix)
		} else {
			whole = append(whole, p)
		}
	}
	return prefixes, whole
}

// want tells whether an event is wanted. The service filters too; it does not
// do so exactly on a websocket, nor for a mix of names and prefixes.
func (n names) want(name string) bool {
	if has(n.excludePrefix, name, strings.HasPrefix) || has(n.excludeName, name, equal) {
		return false
	}
	if len(n.prefix) == 0 && len(n.name) == 0 {
		return true
	}
	return has(n.prefix, name, strings.HasPrefix) || has(n.name, name, equal)
}

func equal(a, b string) bool { return a == b }

func has(list []string, name string, match func(name, one string) bool) bool {
	for _, one := range list {
		if match(name, one) {
			return true
		}
	}
	return false
}

// The filter as the API has it (EventFilter in its OpenAPI document). Unknown
// keys are refused there.
type (
	eventFilter struct {
		Occurred occurredFilter `json:"occurred"`
		Event    *nameFilter    `json:"event,omitempty"`
		Order    string         `json:"order,omitempty"`
	}
	occurredFilter struct {
		Since time.Time `json:"since"` // inclusive
		Until time.Time `json:"until"` // inclusive
	}
	nameFilter struct {
		Prefix        []string `json:"prefix,omitempty"`
		Name          []string `json:"name,omitempty"`
		ExcludePrefix []string `json:"exclude_prefix,omitempty"`
		ExcludeName   []string `json:"exclude_name,omitempty"`
	}
)

// filter asks for a range. Prefixes and names are each "any of" there but both
// must hold, so a mix is sent as prefixes alone, and want sorts out the rest.
func (n names) filter(since, until time.Time, order string) eventFilter {
	f := eventFilter{Occurred: occurredFilter{Since: since.UTC(), Until: until.UTC()}, Order: order}
	e := nameFilter{Prefix: n.prefix, Name: n.name, ExcludePrefix: n.excludePrefix, ExcludeName: n.excludeName}
	if len(e.Prefix) > 0 && len(e.Name) > 0 {
		e.Prefix = append(append([]string(nil), e.Prefix...), e.Name...)
		e.Name = nil
	}
	if len(e.Prefix)+len(e.Name)+len(e.ExcludePrefix)+len(e.ExcludeName) > 0 {
		f.Event = &e
	}
	return f
}
