package agent

import (
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// A CaseResult is what became of a case.
type CaseResult struct {
	File  string        `json:"file"`
	Line  int           `json:"line"`
	Name  string        `json:"name"`
	Took  time.Duration `json:"-"`
	Diffs []Difference  `json:"differences,omitempty"` // none: the case holds
}

// A Difference is one thing that is not as expected.
type Difference struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// A route is one sink, as far as an event's way to it is concerned.
type route struct {
	where *filter.Filter // nil: every event
	enc   encode.Encoder
}

// RunCases runs cases against the processors and routes of a plan, and calls each
// with every result. It connects to nothing. Each case has processors of its own,
// so that what one remembers is not known to the next. An error means that the
// plan cannot be used at all.
func RunCases(plan *Plan, files []*CaseFile, each func(CaseResult)) error {
	routes := map[string]route{}
	for _, s := range plan.Pipeline.Sinks {
		enc, err := encode.New(s.Spec.Format)
		if err != nil {
			return err
		}
		r := route{enc: enc}
		if s.Spec.Where != "" {
			if r.where, err = filter.Compile(s.Spec.Where); err != nil {
				return err
			}
		}
		routes[s.Name] = r
	}
	for _, f := range files {
		for i := range f.Cases {
			start := time.Now()
			diffs, err := f.Cases[i].run(plan, routes)
			if err != nil {
				return err
			}
			each(CaseResult{File: f.Path, Line: f.Cases[i].Line, Name: f.Cases[i].Name, Took: time.Since(start), Diffs: diffs})
		}
	}
	return nil
}

func (c *Case) run(plan *Plan, routes map[string]route) ([]Difference, error) {
	processors, err := normalize.CompileProcessors(plan.File.Processors)
	if err != nil {
		return nil, err
	}
	var failed []Difference
	n, err := normalize.New(normalize.Options{
		Source: "test", Decoder: c.decoder, Processors: processors,
		Failed: func(kind string) {
			failed = append(failed, Difference{"processor " + kind, "treats the event", "could not treat it; the event is kept as it was"})
		},
	})
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	for _, raw := range c.given {
		_, _, _, _, _ = n.Normalize(&event.Record{Raw: raw}, now, nil)
	}
	failed = nil
	e, _, verdict, reason, refusal := n.Normalize(&event.Record{Raw: c.record, Origin: event.Origin{Name: "test", Offset: -1}}, now, nil)
	if got, want := fate(verdict, reason), fate(c.expect.verdict, c.expect.reason); verdict != c.expect.verdict || c.expect.reason != "" && reason != c.expect.reason {
		if refusal != nil {
			got += ": " + refusal.Error()
		}
		return append(failed, Difference{"event", want, got}), nil
	}
	if verdict != normalize.Keep {
		return failed, nil
	}
	e.Sequence = 1
	return append(failed, c.compare(&e, routes)...), nil
}

// fate says what became of a record.
func fate(v normalize.Verdict, reason string) string {
	word := [...]string{normalize.Keep: "kept", normalize.Drop: "dropped", normalize.Invalid: "invalid"}[v]
	if reason != "" {
		word += " (" + reason + ")"
	}
	return word
}

func (c *Case) compare(e *event.Event, routes map[string]route) []Difference {
	delivery := event.Delivery{Number: 1}
	diffs := compareFields("", e.AppendDoc(nil, delivery), c.expect.fields)
	for i := range c.expect.sinks {
		check := &c.expect.sinks[i]
		what := "sink " + check.sink
		r := routes[check.sink]
		delivered := true
		if r.where != nil {
			var err error
			if delivered, err = r.where.Match(e); err != nil {
				diffs = append(diffs, Difference{what, "where answers", err.Error()})
				delivered = true // as the pipeline does
			}
		}
		if delivered == check.filtered {
			diffs = append(diffs, Difference{what, routed(!check.filtered), routed(delivered)})
			continue
		}
		if !delivered || check.body == nil && len(check.fields) == 0 {
			continue
		}
		body, err := r.enc.Append(nil, e, delivery)
		if err != nil {
			diffs = append(diffs, Difference{what, "can be encoded", err.Error()})
			continue
		}
		if check.body != nil && !check.body.ok(string(body), true) {
			diffs = append(diffs, Difference{what + " body", check.body.text, string(body)})
		}
		if len(check.fields) > 0 {
			diffs = append(diffs, compareFields(what+" ", body, check.fields)...)
		}
	}
	return diffs
}

func routed(delivered bool) string {
	if delivered {
		return "delivered"
	}
	return "filtered"
}

func compareFields(where string, body []byte, checks []fieldCheck) []Difference {
	doc, err := decodeJSON(body)
	if err != nil {
		return []Difference{{where + "fields", "JSON", fmt.Sprintf("text: test it with body (%s)", body)}}
	}
	var diffs []Difference
	for _, c := range checks {
		value, there := lookup(doc, c.path)
		if c.want.ok(value, there) {
			continue
		}
		got := nothing
		if there {
			got = show(value)
		}
		diffs = append(diffs, Difference{where + c.path, c.want.text, got})
	}
	return diffs
}
