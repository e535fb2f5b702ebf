package normalize

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
)

// A Detection is one of the built-in rules, as a row of detections.yaml.
type Detection struct {
	ID       string   `yaml:"id"`
	Name     string   `yaml:"name"`
	Category string   `yaml:"category"` // an ATT&CK tactic
	Severity string   `yaml:"severity"` // that the event is raised to
	Actions  []string `yaml:"actions"`  // a star at the end stands for anything
	Where    string   `yaml:"where"`    // empty: every event of the actions

	// First and Count make a rule one with a memory. At most one is there.
	First *FirstSeen `yaml:"first"`
	Count *Burst     `yaml:"count"`
}

// FirstSeen asks for a value that was not seen before.
type FirstSeen struct {
	Of      string `yaml:"of"`      // the field
	Network bool   `yaml:"network"` // the value is an address; its network counts
	By      string `yaml:"by"`      // each value of this field has a memory of its own
}

// Burst asks for many events within a time.
type Burst struct {
	By      []string      `yaml:"by"` // counted apart by the first of these fields that is there
	AtLeast int           `yaml:"at_least"`
	Within  time.Duration `yaml:"within"`
}

//go:embed detections.yaml
var detectionTable []byte

// Detections lists the built-in detections.
func Detections() []Detection {
	var all []Detection
	d := yaml.NewDecoder(bytes.NewReader(detectionTable))
	d.KnownFields(true)
	if err := d.Decode(&all); err != nil {
		panic("detections.yaml: " + err.Error()) // it is embedded: a bug in this program
	}
	return all
}

// A rule is a detection, compiled.
type rule struct {
	Detection
	filter   *filter.Filter // nil: every event
	severity event.Severity
	id, name []byte // as JSON
	category []byte
	seen     *memory[first]
	bursts   *memory[burst]
}

func compileRule(d Detection) (*rule, error) {
	r := &rule{
		Detection: d, severity: severityOf(d.Severity),
		id: event.AppendQuoted(nil, d.ID), name: event.AppendQuoted(nil, d.Name), category: event.AppendQuoted(nil, d.Category),
		seen: newMemory[first](maxRemembered), bursts: newMemory[burst](maxBursts),
	}
	if d.Where == "" {
		return r, nil
	}
	f, err := filter.Compile(d.Where)
	if err != nil {
		return nil, fmt.Errorf("detection %s: %w", d.ID, err)
	}
	r.filter = f
	return r, nil
}

func severityOf(name string) event.Severity {
	for s := event.Info; s < event.Critical; s++ {
		if s.String() == name {
			return s
		}
	}
	return event.Critical
}

// concerns says whether the rule is about events of an action.
func (r *rule) concerns(action string) bool {
	for _, pattern := range r.Actions {
		prefix, star := strings.CutSuffix(pattern, "*")
		if action == pattern || star && strings.HasPrefix(action, prefix) {
			return true
		}
	}
	return false
}

// value gives the value that must be new; empty: the event has none.
func (f *FirstSeen) value(doc *node) string {
	value := doc.text(f.Of)
	if !f.Network || value == "" {
		return value
	}
	address, err := netip.ParseAddr(value)
	if err != nil {
		return ""
	}
	return networkOf(address)
}

// networkOf gives what counts as one place: addresses within it change from one
// request to the next.
func networkOf(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// key gives what bursts are counted by; empty: the event has none of the fields.
func (b *Burst) key(doc *node) string {
	for _, field := range b.By {
		if value := doc.text(field); value != "" {
			return field + "=" + value
		}
	}
	return ""
}
