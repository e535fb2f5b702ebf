package catalog

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/shiplog/shiplog/pkg/event"
)

//go:embed catalog.csv
var table []byte

// Default gives the built-in catalog. It is read at the first call.
var Default = sync.OnceValue(func() *Catalog {
	c, err := Parse(table)
	if err != nil {
		panic("catalog.csv: " + err.Error()) // it is embedded: a bug in this program
	}
	return c
})

// Parse reads a table in the form of catalog.csv. An error names the line.
func Parse(text []byte) (*Catalog, error) {
	r := csv.NewReader(bytes.NewReader(text))
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	c := &Catalog{exact: make(map[string]*Entry, len(rows)), kinds: map[string]*Entry{}}
	for i, row := range rows {
		if i == 0 {
			if got := strings.Join(row, ","); got != header {
				return nil, fmt.Errorf("line 1: the columns are %s, not %s", header, got)
			}
			continue
		}
		e, err := parseRow(row)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", i+1, row[0], err)
		}
		c.add(e)
	}
	return c, nil
}

const header = "event,name,ecs_category,ecs_type,outcome,severity,target," +
	"ocsf_class,ocsf_activity,ocsf_activity_name," +
	"cim_model,cim_dataset,cim_action,cim_object_category,cim_change_type,message,meaning"

func parseRow(row []string) (*Entry, error) {
	e := &Entry{
		Event: row[0], Name: row[1], Message: row[15], Meaning: row[16],
		ECS:    ECS{Category: strings.Fields(row[2]), Type: strings.Fields(row[3])},
		Target: Target(row[6]),
		OCSF:   OCSF{ActivityName: row[9]},
		CIM:    CIM{Model: row[10], Dataset: row[11], Action: row[12], ObjectCategory: row[13], ChangeType: row[14]},
	}
	var err error
	if e.OCSF.Class, err = strconv.Atoi(row[7]); err != nil {
		return nil, err
	}
	if e.OCSF.Activity, err = strconv.Atoi(row[8]); err != nil {
		return nil, err
	}
	if e.Outcome, err = named(row[4], "outcome", event.NoOutcome, event.Success, event.Failure, event.Unknown); err != nil {
		return nil, err
	}
	if e.Severity, err = named(row[5], "severity", event.Info, event.Low, event.Medium, event.High, event.Critical); err != nil {
		return nil, err
	}
	switch e.Target {
	case NoTarget, Self, Resource, Owner, Member, Group, Grantee, Invitee:
	default:
		return nil, fmt.Errorf("unknown target %q", e.Target)
	}
	return e, nil
}

// named returns the value that prints as text.
func named[V fmt.Stringer](text, what string, values ...V) (V, error) {
	for _, v := range values {
		if v.String() == text {
			return v, nil
		}
	}
	var none V
	return none, fmt.Errorf("unknown %s %q", what, text)
}

// add files an entry under its name, or among the patterns where it has a star.
func (c *Catalog) add(e *Entry) {
	c.entries = append(c.entries, e)
	if strings.Contains(e.Event, "*") {
		c.patterns = append(c.patterns, e)
		return
	}
	c.exact[e.Event] = e
	kind, verb := Split(e.Event)
	switch verb {
	case "created", "updated", "deleted":
		if strings.HasPrefix(e.Event, "prefect-cloud.") || c.kinds[kind] == nil {
			c.kinds[kind] = e
		}
	}
}
