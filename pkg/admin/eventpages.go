package admin

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// row is an event in a list.
type row struct {
	Envelope
	Title     string // such as API key created
	Message   string
	Who       string
	What      string // the resource
	Where     string // the workspace
	Loudly    bool   // a severity that stands out
	Requested string // how the sequence is written in an address
}

// The names that people know things by are in the document alone.
var shownFields = []string{"message", "user.name", "prefect.resource.name", "prefect.workspace.name"}

func rowOf(e *event.Event) row {
	entry, _ := catalog.Lookup(e.Action)
	r := row{Envelope: envelopeOf(e), Title: entry.Name, Loudly: e.Severity >= event.High, Requested: strconv.FormatUint(e.Sequence, 10)}
	paths := ecsdoc.NewPaths(shownFields...)
	values := make([]ecsdoc.Value, paths.Len())
	_ = paths.Read(e.Doc, values) // what cannot be read has no such names
	r.Message = values[0].Text()
	r.Who = firstOf(e.Actor, values[1].Text(), e.ActorID)
	r.What = firstOf(values[2].Text(), e.Resource)
	r.Where = firstOf(values[3].Text(), e.Workspace)
	return r
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// found is the page of a search.
type found struct {
	Ask     map[string]string
	Rows    []row
	Next    string // address of the next page
	API     string // address of the same search as JSON lines
	Actions []string
	Asked   bool // whether anything is filtered
	Took    string
	Lost    uint64 // how many of the range cannot be read
	Stopped uint64 // where a search that took too long goes on; 0: it did not
}

// Outcomes are what the filter offers.
func (found) Outcomes() []string { return []string{"success", "failure", "unknown"} }

func (h *handlers) eventsPage(w http.ResponseWriter, r *http.Request) {
	q := asked(r.URL.Query())
	f := found{Ask: make(map[string]string), Actions: h.actions}
	for name := range q {
		f.Ask[name] = q.Get(name)
		f.Asked = f.Asked || name != "order" && name != "limit"
	}
	v := view{Title: "Events", Here: "events", Body: &f}
	began := time.Now()
	a, err := parseAsk(q, began)
	if err != nil {
		v.Wrong = err.Error()
		h.render(w, http.StatusBadRequest, "events", v)
		return
	}
	for name, t := range map[string]time.Time{"since": a.query.Since, "until": a.query.Until} {
		if !t.IsZero() {
			f.Ask[name] = t.Format("2006-01-02T15:04:05") // as the field wants it, also where 24h was asked for
		}
	}
	lost := a.countLost()
	answer, err := h.searcher.events(r.Context(), a)
	if err != nil {
		v.Wrong = err.Error()
		h.render(w, codeOf(err), "events", v)
		return
	}
	for i := range answer.events {
		f.Rows = append(f.Rows, rowOf(&answer.events[i]))
	}
	f.Lost = *lost
	if answer.stopped {
		f.Stopped = answer.rest
	}
	f.Took = time.Since(began).Round(time.Millisecond).String()
	f.Next = further(q, a, answer)
	export := url.Values{}
	for name, values := range q {
		export[name] = values
	}
	export.Set("format", "ecs")
	f.API = "/api/events?" + export.Encode()
	h.render(w, http.StatusOK, "events", v)
}

// asked drops what a form sends of fields that were left empty.
func asked(q url.Values) url.Values {
	for name, values := range q {
		if len(values) == 0 || strings.TrimSpace(values[0]) == "" {
			delete(q, name)
		}
	}
	return q
}

// line is one line of a document, taken apart so that it can be coloured.
type line struct{ Indent, Key, Rest string }

var jsonLine = regexp.MustCompile(`^(\s*)("(?:[^"\\]|\\.)*")(: .*)$`)

func linesOf(text string) []line {
	var lines []line
	for one := range strings.SplitSeq(Plain(text), "\n") {
		if m := jsonLine.FindStringSubmatch(one); m != nil {
			lines = append(lines, line{m[1], m[2], m[3]})
			continue
		}
		lines = append(lines, line{Rest: one})
	}
	return lines
}

// opened is the page of one event.
type opened struct {
	Row      row
	Meaning  string
	Format   string
	Formats  []tab
	Lines    []line
	Before   string
	After    string
	Hash     string
	Document string // address of the whole as JSON
}

type tab struct{ Name, Title string }

func (h *handlers) eventPage(w http.ResponseWriter, r *http.Request) {
	e, err := h.searcher.one(r.Context(), r.PathValue("sequence"))
	if err != nil {
		h.refuse(w, r, codeOf(err), err.Error())
		return
	}
	entry, _ := catalog.Lookup(e.Action)
	o := opened{
		Row: rowOf(e), Meaning: entry.Meaning, Format: r.URL.Query().Get("format"),
		Formats:  []tab{{"ecs", "Normalized (ECS)"}, {"ocsf", "OCSF"}, {"raw", "Raw"}},
		After:    strconv.FormatUint(e.Sequence+1, 10),
		Document: "/api/events/" + strconv.FormatUint(e.Sequence, 10),
	}
	if e.Sequence > 1 {
		o.Before = strconv.FormatUint(e.Sequence-1, 10)
	}
	if o.Format != "ocsf" && o.Format != "raw" {
		o.Format = "ecs"
	}
	text, err := h.encoded(e, o.Format)
	if err != nil {
		h.refuse(w, r, http.StatusInternalServerError, "event as "+o.Format+": "+err.Error())
		return
	}
	o.Lines = linesOf(string(indent(text)))
	h.render(w, http.StatusOK, "event", view{Title: o.Row.Title + " · #" + o.Row.Requested, Here: "events", Body: o})
}

// knownActions are the event types that the filter offers.
func knownActions() []string {
	var names []string
	for _, e := range catalog.Default().Entries() {
		names = append(names, e.Event)
	}
	return names
}
