package normalize

import (
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
)

// Processors is a checked list of processors. It may be shared by normalizers.
type Processors struct {
	list []processor
}

// A processor changes an event, or drops it. An error means that it could not
// treat the event, which is then as it was.
type processor interface {
	// process reports whether the event is kept.
	process(d *draft) (keep bool, err error)
	kind() string
}

// A draft is an event on its way through the processors. Its document is taken
// apart when the first processor asks for it, and written when a later one, or
// the journal, needs the bytes.
type draft struct {
	event *event.Event
	now   time.Time
	buf   []byte
	root  *node // the document taken apart; nil: it is not
	dirty bool  // root says more than event
}

// opened gives the document taken apart.
func (d *draft) opened() *node {
	if d.root == nil {
		d.root = openNode(d.event.Doc)
	}
	return d.root
}

// flush writes what was changed back into the event: its document and its
// envelope.
func (d *draft) flush() {
	if !d.dirty {
		return
	}
	start := len(d.buf)
	d.buf = d.root.appendTo(d.buf)
	d.event.Doc = d.buf[start:len(d.buf):len(d.buf)]
	d.root.fill(d.event)
	d.dirty = false
}

// run takes the event by value, so that only events that are processed are put
// on the heap.
func (p *Processors) run(e event.Event, now time.Time, buf []byte, failed func(string)) (done event.Event, grown []byte, v Verdict, reason string) {
	d := draft{event: &e, now: now, buf: buf}
	for _, one := range p.list {
		keep, err := one.process(&d)
		if err != nil && failed != nil {
			failed(one.kind())
		}
		if err == nil && !keep {
			return e, d.buf, Drop, one.kind()
		}
	}
	d.flush()
	return e, d.buf, Keep, ""
}

// Kinds gives what each kind of processor takes, with its defaults, for the
// schema and the reference of the config.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "drop", Settings: new(string), Doc: "An expression: events that it is true for are left out."},
		{Name: "keep", Settings: new(string), Doc: "An expression: only events that it is true for are kept."},
		{Name: "redact", Settings: redactDefaults()},
		{Name: "set", Settings: new(map[string]any), Doc: "Fields with the constants to put into them."},
		{Name: "rename", Settings: new(map[string]string), Doc: "Fields with their new names."},
		{Name: "geoip", Settings: new(geoIPConfig)},
		{Name: "detect", Settings: detectDefaults()},
	}
}

func kindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// CompileProcessors checks the processors of a config: a list of mappings with
// one key each, the kind. All mistakes are reported, as config.Errors. The zero
// section gives nil: no processors.
func CompileProcessors(section config.Section) (*Processors, error) {
	if section.IsZero() {
		return nil, nil //nolint:nilnil // no processors is what most configs have, and costs nothing
	}
	items := section.Items()
	if items == nil && len(section.Fields()) > 0 {
		return nil, section.Problem("", "must be a list, each element with one of %s", strings.Join(kindNames(), ", "))
	}
	p := &Processors{}
	var errs []error
	for _, item := range items {
		one, err := compile(item)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.list = append(p.list, one)
	}
	if err := config.Join(errs...); err != nil {
		return nil, err
	}
	if len(p.list) == 0 {
		return nil, nil //nolint:nilnil // as above
	}
	return p, nil
}

func compile(item config.Section) (processor, error) {
	given := item.Fields()
	if len(given) != 1 {
		return nil, item.Problem("", "must have exactly one key, one of %s", strings.Join(kindNames(), ", "))
	}
	s := given[0].Section
	switch given[0].Name {
	case "drop", "keep":
		return compileCondition(s, given[0].Name == "keep")
	case "redact":
		return compileRedact(s)
	case "set":
		return compileSet(s)
	case "rename":
		return compileRename(s)
	case "geoip":
		return compileGeoIP(s)
	case "detect":
		return compileDetect(s)
	}
	e := item.Problem(given[0].Name, "no such processor; there are %s", strings.Join(kindNames(), ", "))
	e.Near = config.Nearest(given[0].Name, kindNames())
	return nil, e
}
