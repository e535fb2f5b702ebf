package admin

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Live is what changes on the page while somebody looks, by the names that its
// elements carry.
type Live struct {
	Layout string            `json:"layout"` // changes when parts come or go: then the page is loaded anew
	Text   map[string]string `json:"text"`
	State  map[string]string `json:"state"`            // ok, warn, bad, idle
	Points map[string]string `json:"points,omitempty"` // of charts
}

// flow is the page that shows the flow.
type flow struct {
	Live
	Sources, Sinks []part
	Journal        part
	Troubles       []Trouble
	Completeness   []completeness
	Recent         []recentReplay
	Verify         Verification
	Letters        int
	Version        string
	Head           string
	Now            time.Time
}

// part is one box in the picture.
type part struct {
	ID    string // names its elements
	Name  string
	Type  string
	Facts []fact
	Chart string // what its chart shows
}

type fact struct{ Label, Key string }

// completeness is what can be said of one source.
type completeness struct {
	Source, Key string
	Compared    string // key of what a comparison with the service said; empty: there was none
}

func (h *handlers) flow() flow {
	s := h.now()
	f := flow{
		Live:    Live{Text: make(map[string]string), State: make(map[string]string), Points: make(map[string]string)},
		Version: s.Version, Now: s.Time, Troubles: Troubles(s), Verify: s.Verify, Head: s.Journal.Head,
	}
	var layout strings.Builder
	for _, src := range s.Sources {
		f.Sources = append(f.Sources, f.source(src, s.Time))
		f.chart("source/"+src.Name, h.history.values("source", src.Name, "events_per_second"), Rate)
		c := completeness{Source: src.Name, Key: "source/" + src.Name + "/complete"}
		if src.Reconciled != nil {
			c.Compared = "source/" + src.Name + "/compared"
		}
		f.Completeness = append(f.Completeness, c)
		fmt.Fprintf(&layout, "%q ", "source/"+src.Name+src.Type+c.Compared)
	}
	f.Journal = f.journal(s, int64(h.File().Journal.MaxSize))
	f.chart("journal", h.history.values("journal", "", "events_per_second"), Rate)
	for _, sink := range s.Sinks {
		f.Sinks = append(f.Sinks, f.sink(sink, s))
		f.chart("sink/"+sink.Name, h.history.values("sink", sink.Name, "backlog_events"), func(v float64) string {
			return Count(uint64(max(v, 0)))
		})
		fmt.Fprintf(&layout, "%q ", "sink/"+sink.Name+sink.Type)
	}
	for _, n := range s.Letters {
		f.Letters += n
	}
	f.Text["letters"] = Count(uint64(f.Letters)) // #nosec G115 -- a count
	list, _ := h.replays.list()                  // now has logged what is wrong with it
	fmt.Fprintf(&layout, "%d %t", len(list), s.Verify.Running)
	f.Layout = layout.String()
	f.headline(s)
	f.Recent = recentReplays(list)
	for _, one := range f.Recent {
		f.Text["replay/"+one.ID] = one.Words
	}
	f.Text["verify"] = verifyText(s.Verify, s.Time)
	return f
}

// headline says in one sentence how it is, and in the next what is worst.
func (f *flow) headline(s Status) {
	level := Fine
	if len(f.Troubles) > 0 {
		level = f.Troubles[0].Level
	}
	f.State["headline"] = level.String()
	bad := 0
	for _, t := range f.Troubles {
		if t.Level >= Bad {
			bad++
		}
	}
	switch {
	case !s.Running:
		f.Text["headline"] = "The pipeline is starting or stopping"
	case level == Dire:
		f.Text["headline"] = "Events are not being taken in"
	case bad > 0:
		f.Text["headline"] = plural(uint64(bad), "part does", "parts do") + " not work; nothing is lost" // #nosec G115 -- a count
	case level == Worth:
		f.Text["headline"] = "Events flow; something wants a look"
	default:
		f.Text["headline"] = "Events flow, nothing wants attention"
	}
	lines := make([]string, 0, len(f.Troubles))
	for _, t := range f.Troubles {
		lines = append(lines, t.Part+" "+t.Text)
	}
	f.Text["troubles"] = strings.Join(lines, "\n")
}

// show puts a fact into the picture.
func (f *flow) show(p *part, label, name, text string) {
	key := p.ID + "/" + name
	f.Text[key] = text
	p.Facts = append(p.Facts, fact{label, key})
}

// tell puts a word about the state, and what there is to say, into the picture.
func (f *flow) tell(p *part, level, word, note string) {
	f.State[p.ID] = level
	f.Text[p.ID+"/word"] = word
	f.Text[p.ID+"/note"] = note
}

// chart draws the last hour, or as much of it as there is.
func (f *flow) chart(id string, values []float64, write func(float64) string) {
	known := len(values)
	for known > 0 && math.IsNaN(values[len(values)-known]) {
		known--
	}
	shown := min(max(known, shortest), len(values))
	line, area, peak := draw(values[len(values)-shown:])
	f.Points[id], f.Points[id+"/area"] = line, area
	f.Text[id+"/peak"] = write(peak)
	f.Text[id+"/window"] = "last " + Span(time.Duration(shown)*historyStep)
	if shown == historySize || shown == 0 {
		f.Text[id+"/window"] = "last hour"
	}
}

// shortest is how many samples a chart shows at least.
const shortest = 30

func (f *flow) source(s pipeline.SourceStatus, now time.Time) part {
	p := part{ID: "source/" + s.Name, Name: s.Name, Type: s.Type, Chart: "events per second"}
	level, trouble := sourceTrouble(s, now)
	switch {
	case s.State == "failed":
		f.tell(&p, "bad", "failed", trouble)
	case level == Worth:
		f.tell(&p, "warn", "nothing to read", waits(s.Waiting, now))
	case level > Fine:
		f.tell(&p, "bad", "not connected", trouble)
	case s.State == "running":
		f.tell(&p, "ok", "reading", waits(s.Waiting, now))
	default:
		f.tell(&p, "idle", s.State, waits(s.Waiting, now))
	}
	f.show(&p, "rate", "rate", Rate(s.Rate))
	f.show(&p, "events", "events", Count(s.Events))
	lag := "none known"
	if !s.Complete.IsZero() {
		lag = Seconds(s.Lag)
	}
	f.show(&p, "lag", "lag", lag)
	f.show(&p, "unreadable", "invalid", Count(s.Invalid))
	f.show(&p, "dropped", "dropped", Count(s.Dropped))
	f.show(&p, "seen before", "duplicates", Count(s.Duplicate))
	complete := "as far as the source has been written; " + plural(s.Events, "event", "events") + " since the agent started"
	switch {
	case !s.Complete.IsZero():
		complete = "everything up to " + clock(s.Complete, now) + " UTC (" + Seconds(s.Lag) + " ago)"
	case s.Connected != nil && !*s.Connected:
		complete = "not known: the source could not be asked since the agent started"
	}
	if s.Conflicts > 0 {
		complete += "; " + plural(s.Conflicts, "id came", "ids came") + " with different contents"
	}
	f.Text[p.ID+"/complete"] = complete
	if s.Reconciled != nil {
		f.Text[p.ID+"/compared"] = reconciledText(*s.Reconciled, now)
	}
	return p
}

// reconciledText says how the last comparison with the service ended.
func reconciledText(r pipeline.Reconciled, now time.Time) string {
	const layout = "2006-01-02 15:04"
	text := fmt.Sprintf("%s ago, from %s to %s: ", Span(now.Sub(r.Ended)), r.Since.Format(layout), r.Until.Format(layout))
	hours := fmt.Sprintf("%d of %d hours complete", r.Complete, r.Hours)
	if r.Whole() {
		hours = "complete"
	}
	text += hours
	for _, n := range []struct {
		count       int
		one, others string
	}{
		{r.Unknown, "hour unknown", "hours unknown"},
		{r.Missing - r.Repaired, "event MISSING", "events MISSING"},
		{r.Repaired, "event was missing and is repaired", "events were missing and are repaired"},
		{r.Late, "event was late", "events were late"},
	} {
		if n.count > 0 {
			text += ", " + plural(uint64(n.count), n.one, n.others)
		}
	}
	return text
}

func (f *flow) journal(s Status, limit int64) part {
	j := s.Journal
	p := part{ID: "journal", Name: "journal", Type: "on disk", Chart: "events per second"}
	switch {
	case j.Failure != "":
		f.tell(&p, "bad", "failed", j.Failure)
	case j.Full:
		f.tell(&p, "bad", "full", "since "+moment(j.FullSince, s.Time))
	default:
		f.tell(&p, "ok", "writable", "")
	}
	kept := uint64(0)
	if j.Last >= j.First {
		kept = j.Last - j.First + 1
	}
	f.show(&p, "events kept", "events", Count(kept))
	f.show(&p, "newest", "last", "#"+Count(j.Last))
	f.show(&p, "size", "size", Size(j.Bytes))
	if limit > 0 {
		f.show(&p, "limit", "limit", Size(limit))
	}
	if !j.Oldest.IsZero() {
		f.show(&p, "reaches back", "oldest", Span(s.Time.Sub(j.Oldest)))
	}
	f.Text["head"] = j.Head
	f.Text["kept"] = "#" + Count(j.First) + " to #" + Count(j.Last)
	return p
}

func (f *flow) sink(s pipeline.SinkStatus, all Status) part {
	p := part{ID: "sink/" + s.Name, Name: s.Name, Type: s.Type, Chart: "backlog"}
	level, trouble := sinkTrouble(s, all.Time)
	switch {
	case s.State == "blocked":
		f.tell(&p, "bad", "waits for you", trouble)
	case !s.Up:
		f.tell(&p, "bad", "down", trouble)
	case level > Fine:
		f.tell(&p, "warn", "behind", trouble)
	case s.State == "idle" && s.Backlog == 0:
		f.tell(&p, "ok", "caught up", "")
	case s.State == "idle":
		f.tell(&p, "ok", "delivering", "") // what came this moment waits for its batch
	case s.State == "delivering":
		f.tell(&p, "ok", "delivering", waits(s.Waiting, all.Time))
	default:
		f.tell(&p, "idle", s.State, waits(s.Waiting, all.Time))
	}
	f.show(&p, "rate", "rate", Rate(s.Rate))
	f.show(&p, "backlog", "backlog", Count(s.Backlog))
	f.show(&p, "lag", "lag", Seconds(s.Lag))
	success := "never"
	if !s.LastSuccess.IsZero() {
		success = Ago(all.Time.Sub(s.LastSuccess))
	}
	f.show(&p, "last success", "success", success)
	f.show(&p, "delivered", "delivered", Count(s.Delivered+s.Duplicate))
	f.show(&p, "dead letters", "letters", Count(uint64(max(all.Letters[s.Name], 0)))) // #nosec G115 -- a count
	return p
}

func replayText(r Replay) string {
	if r.Last == 0 && r.Error == "" {
		return r.State + ": nothing is shipped yet"
	}
	text := fmt.Sprintf("%s: at #%s of #%s, %s", r.State, Count(min(r.Next, r.Last)), Count(r.Last), plural(r.Matched, "event", "events"))
	if r.State == ReplayRunning && r.Left > 0 {
		text += ", " + Span(r.Left) + " left"
	}
	if r.Error != "" {
		text += ": " + Plain(r.Error)
	}
	return text
}

func verifyText(v Verification, now time.Time) string {
	switch {
	case v.Running:
		return fmt.Sprintf("checking: %.0f %%", v.Percent)
	case v.Ended.IsZero():
		return "not checked since the agent started"
	case v.Error != "":
		return "could not be checked: " + v.Error
	case !v.Sound:
		return "NOT SOUND, checked " + Span(now.Sub(v.Ended)) + " ago: " + v.FirstBad
	default:
		return fmt.Sprintf("sound from #%s to #%s, checked %s ago", Count(v.First), Count(v.Last), Span(now.Sub(v.Ended)))
	}
}

// With gives a template one part together with what changes of it.
func (f flow) With(p part) map[string]any { return map[string]any{"F": f, "P": p} }

// many is how many parts a column shows whole; more are drawn closer.
const many = 6

// Many says that there are more parts than fit on a screen when shown whole.
func (f flow) Many() bool { return max(len(f.Sources), len(f.Sinks)) > many }

// wires are the lines between two columns of the picture, one from or to each
// part of the outer one.
type wires struct {
	Height int
	Wires  []wire
}

type wire struct{ ID, State, Path string }

// rowHeight is the height of a part on the canvas of the wires.
const rowHeight = 100

// WiresIn leads from the sources to the journal.
func (f flow) WiresIn() wires { return f.wires(f.Sources, "M0 %[1]d C50 %[1]d 50 %[2]d 100 %[2]d") }

// WiresOut leads from the journal to the sinks.
func (f flow) WiresOut() wires { return f.wires(f.Sinks, "M0 %[2]d C50 %[2]d 50 %[1]d 100 %[1]d") }

func (f flow) wires(parts []part, path string) wires {
	w := wires{Height: rowHeight * len(parts)}
	for i, p := range parts {
		w.Wires = append(w.Wires, wire{p.ID, f.State[p.ID], fmt.Sprintf(path, rowHeight*i+rowHeight/2, w.Height/2)})
	}
	return w
}

// recentReplay is a replay with what the page says of it.
type recentReplay struct {
	Replay
	Level, Words string
	Can          string // what its button does; empty: nothing
}

// recent is how many replays the page shows.
const recent = 6

func recentReplays(list []Replay) []recentReplay {
	var all []recentReplay
	for _, one := range list[:min(recent, len(list))] {
		r := recentReplay{Replay: one, Words: replayText(one), Level: "ok"}
		switch one.State {
		case ReplayRunning:
			r.Can = "Stop"
		case ReplayInterrupted:
			r.Level, r.Can = "warn", "Go on"
		case ReplayFailed:
			r.Level, r.Can = "bad", "Try again"
		}
		all = append(all, r)
	}
	return all
}
