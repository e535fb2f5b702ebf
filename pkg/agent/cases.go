package agent

import (
	"os"
	"slices"
	"strings"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/filter"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// A CaseFile is cases that a user wrote for a config: what goes in, and what must
// come of it. docs/testing-your-config.md describes the format.
type CaseFile struct {
	Path  string
	Cases []Case
}

// A Case is one input and what is expected of it.
type Case struct {
	Name    string
	Line    int // in the file
	decoder string
	given   [][]byte // records that came before
	record  []byte
	expect  expectation
}

// expectation is what must come of a record. What it does not name may be
// anything.
type expectation struct {
	verdict normalize.Verdict
	reason  string // of a drop or a refusal; empty: any
	fields  []fieldCheck
	sinks   []sinkCheck
}

// A sinkCheck is what one sink must do with the event.
type sinkCheck struct {
	sink     string
	filtered bool
	body     *matcher // of what is sent, as text
	fields   []fieldCheck
}

// A fieldCheck is what one field must be.
type fieldCheck struct {
	path string
	want matcher
}

// LoadCases reads a file of cases. sinks are the names that cases may use. All
// mistakes are reported, as config.Errors.
func LoadCases(path string, sinks []string) (*CaseFile, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the file that the user named
	if err != nil {
		return nil, err
	}
	section, err := config.ParseSection(path, data)
	if err != nil {
		return nil, err
	}
	var file struct {
		Decoder string           `yaml:"decoder"`
		Cases   []config.Section `yaml:"cases"`
	}
	if err := section.Decode(&file); err != nil {
		return nil, err
	}
	if len(file.Cases) == 0 {
		return nil, section.Problem("cases", "must list at least one case")
	}
	r := caseReader{decoder: file.Decoder, sinks: sinks}
	if file.Decoder != "" {
		r.checkDecoder(section, file.Decoder)
	}
	f := &CaseFile{Path: path}
	for _, s := range file.Cases {
		f.Cases = append(f.Cases, r.read(s))
	}
	return f, config.Join(r.mistakes...)
}

// A caseReader reads cases and collects the mistakes in them.
type caseReader struct {
	decoder  string
	sinks    []string
	mistakes []error
}

func (r *caseReader) fail(err error) {
	if err != nil {
		r.mistakes = append(r.mistakes, err)
	}
}

// near is a mistake about a name that is not among those known.
func (r *caseReader) near(s config.Section, path, name string, known []string, format string, args ...any) {
	e := s.Problem(path, format, args...)
	e.Near = config.Nearest(name, known)
	r.fail(e)
}

func (r *caseReader) checkDecoder(s config.Section, name string) {
	if known := normalize.Decoders(); !slices.Contains(known, name) {
		r.near(s, "decoder", name, known, "%q is none of %s", name, strings.Join(known, ", "))
	}
}

func (r *caseReader) read(s config.Section) Case {
	var raw struct {
		Name    string           `yaml:"name"`
		Decoder string           `yaml:"decoder"`
		Given   []config.Section `yaml:"given"`
		Event   config.Section   `yaml:"event"`
		Expect  config.Section   `yaml:"expect"`
	}
	if err := s.Decode(&raw); err != nil {
		r.fail(err)
		return Case{}
	}
	c := Case{Name: raw.Name, Line: s.Node.Line, decoder: raw.Decoder}
	if c.Name == "" {
		r.fail(s.Problem("name", "is missing: say in a few words what is tested"))
	}
	if c.decoder != "" {
		r.checkDecoder(s, c.decoder)
	} else {
		c.decoder = r.decoder
	}
	if raw.Event.IsZero() {
		r.fail(s.Problem("event", "is missing: an event as fields, or as the text of a line"))
	}
	if raw.Expect.IsZero() {
		r.fail(s.Problem("expect", "is missing: a case that expects nothing proves nothing"))
	}
	for _, one := range raw.Given {
		c.given = append(c.given, r.record(one))
	}
	c.record = r.record(raw.Event)
	c.expect = r.expectation(raw.Expect)
	return c
}

// record is an event as a source would read it: a text as it stands, fields as
// JSON.
func (r *caseReader) record(s config.Section) []byte {
	if s.IsZero() {
		return nil
	}
	raw, err := recordOf(s.Node)
	if err != nil {
		r.fail(s.Problem("", "%s", err))
	}
	return raw
}

func (r *caseReader) expectation(s config.Section) expectation {
	var raw struct {
		Dropped config.Section `yaml:"dropped"`
		Invalid config.Section `yaml:"invalid"`
		Fields  config.Section `yaml:"fields"`
		Sinks   config.Section `yaml:"sinks"`
	}
	if err := s.Decode(&raw); err != nil {
		r.fail(err)
		return expectation{}
	}
	e := expectation{verdict: normalize.Keep}
	for _, one := range []struct {
		section config.Section
		verdict normalize.Verdict
	}{{raw.Dropped, normalize.Drop}, {raw.Invalid, normalize.Invalid}} {
		if one.section.IsZero() || one.section.Node.Value == "false" {
			continue
		}
		if e.verdict != normalize.Keep {
			r.fail(one.section.Problem("", "an event cannot be both dropped and invalid"))
		}
		e.verdict = one.verdict
		if reason := one.section.Node.Value; reason != "true" {
			e.reason = reason
		}
	}
	if e.verdict != normalize.Keep && (!raw.Fields.IsZero() || !raw.Sinks.IsZero()) {
		r.fail(s.Problem("", "an event that is not kept has neither fields nor sinks"))
	}
	e.fields = r.fields(raw.Fields, true)
	for _, one := range r.members(raw.Sinks) {
		e.sinks = append(e.sinks, r.sink(one))
	}
	return e
}

// members gives the values of a section by name. Names may be those of fields,
// with dots.
func (r *caseReader) members(s config.Section) config.Sections {
	members := s.Fields()
	if len(members) == 0 && !s.IsZero() {
		r.fail(s.Problem("", "must have a name and what is expected of it on each line"))
	}
	return members
}

func (r *caseReader) fields(s config.Section, ecs bool) []fieldCheck {
	var checks []fieldCheck
	for _, f := range r.members(s) {
		want, err := newMatcher(f.Node)
		if err != nil {
			r.fail(f.Problem("", "%s", err))
			continue
		}
		if ecs && want.absent && !isField(f.Name) { // a slip of the pen would always pass
			r.near(f.Section, "", f.Name, fieldNames(), "no event has a field of this name")
			continue
		}
		checks = append(checks, fieldCheck{f.Name, want})
	}
	return checks
}

// sink reads delivered, filtered, or what the delivered event looks like.
func (r *caseReader) sink(s config.Named) sinkCheck {
	check := sinkCheck{sink: s.Name}
	routes := []string{"delivered", "filtered"}
	if !slices.Contains(r.sinks, s.Name) {
		r.near(s.Section, "", s.Name, r.sinks, "the config has no such sink")
		return check
	}
	switch word := s.Node.Value; word {
	case "":
	case "delivered", "filtered":
		check.filtered = word == "filtered"
		return check
	default:
		r.near(s.Section, "", word, routes, "%q is none of delivered, filtered, or body and fields of what is delivered", word)
		return check
	}
	var raw struct {
		Body   config.Section `yaml:"body"`
		Fields config.Section `yaml:"fields"`
	}
	if err := s.Decode(&raw); err != nil {
		r.fail(err)
		return check
	}
	if !raw.Body.IsZero() {
		want, err := newMatcher(raw.Body.Node)
		if err != nil {
			r.fail(raw.Body.Problem("", "%s", err))
		}
		check.body = &want
	}
	check.fields = r.fields(raw.Fields, false)
	return check
}

func fieldNames() []string {
	var names []string
	for _, f := range filter.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// isField says whether an event can have a field of that name, or fields below
// it.
func isField(name string) bool {
	root, _, _ := strings.Cut(name, ".")
	for _, f := range filter.Fields() {
		if f.Name == name || strings.HasPrefix(f.Name, name+".") || f.Type == "open" && f.Name == root {
			return true
		}
	}
	return false
}
