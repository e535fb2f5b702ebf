package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/pipeline"
)

// Trouble is something that is not as it should be, in words for a tired person:
// what, since when, why, and what happens next.
type Trouble struct {
	Level Level
	Part  string // such as "sink elastic"
	Text  string
}

// Level says how bad a trouble is.
type Level int

// The levels. Bad needs somebody now or soon; Worth is good to know.
const (
	Fine  Level = iota
	Worth       // nothing is at risk
	Bad         // something does not work; nothing is lost yet
	Dire        // the agent takes no events in
)

// String gives a word for it.
func (l Level) String() string {
	switch l {
	case Worth:
		return "warn"
	case Bad, Dire:
		return "bad"
	default:
		return "ok"
	}
}

// behind is the lag from which a sink that works is worth a word.
const behind = 5 * time.Minute

// Troubles lists what is wrong with a status, the worst first.
func Troubles(s Status) []Trouble {
	var all []Trouble
	add := func(level Level, part, text string) { all = append(all, Trouble{level, part, text}) }
	j := s.Journal
	switch {
	case j.Failure != "":
		add(Dire, "journal", "must not be written to any more: "+j.Failure+". Restart the agent; what it has is safe")
	case j.Full:
		add(Dire, "journal", fmt.Sprintf("is full since %s: sources wait until sinks have taken some of it", moment(j.FullSince, s.Time)))
	}
	if s.Running { // else no part does what it should, and that is as it should be
		for _, src := range s.Sources {
			if level, text := sourceTrouble(src, s.Time); level > Fine {
				add(level, "source "+src.Name, text)
			}
		}
		for _, sink := range s.Sinks {
			if level, text := sinkTrouble(sink, s.Time); level > Fine {
				add(level, "sink "+sink.Name, text)
			}
		}
	}
	for _, src := range s.Sources {
		if r := src.Reconciled; r != nil && r.Missing > r.Repaired {
			add(Bad, "source "+src.Name, fmt.Sprintf("has %s that the journal lacks, said agent reconcile %s ago: --repair fetches them",
				plural(uint64(r.Missing-r.Repaired), "event", "events"), Span(s.Time.Sub(r.Ended)))) // #nosec G115 -- a count
		}
	}
	if text := letterTrouble(s.Letters); text != "" {
		add(Worth, "dead letters", text)
	}
	if !s.Reload.OK && !s.Reload.Time.IsZero() {
		add(Worth, "config", "was refused "+moment(s.Reload.Time, s.Time)+", the one before goes on: "+s.Reload.Error)
	}
	if v := s.Verify; !v.Ended.IsZero() && !v.Sound {
		add(Bad, "journal", "is not sound: "+v.FirstBad+v.Error)
	}
	slices.SortStableFunc(all, func(a, b Trouble) int {
		if a.Level != b.Level {
			return int(b.Level - a.Level)
		}
		return strings.Compare(a.Part, b.Part)
	})
	return all
}

func letterTrouble(letters map[string]int) string {
	var of []string
	for _, owner := range slices.Sorted(maps.Keys(letters)) {
		if n := letters[owner]; n > 0 {
			of = append(of, Count(uint64(n))+" of "+owner)
		}
	}
	if len(of) == 0 {
		return ""
	}
	return "wait for a decision, retry or drop: " + strings.Join(of, ", ")
}

func sourceTrouble(s pipeline.SourceStatus, now time.Time) (Level, string) {
	switch {
	case s.State == "failed":
		return Dire, "stopped reading " + moment(s.Since, now) + because(s.LastError) + next(s.Waiting, now)
	case s.Connected != nil && !*s.Connected && s.LastError == nil && s.Waiting != nil:
		return Worth, "has nothing to read yet: " + waits(s.Waiting, now)
	case s.Connected != nil && !*s.Connected:
		return Bad, "is not connected" + because(s.LastError) + next(s.Waiting, now)
	default:
		return Fine, ""
	}
}

func sinkTrouble(s pipeline.SinkStatus, now time.Time) (Level, string) {
	waiting := ""
	if s.Backlog > 0 {
		waiting = ". " + plural(s.Backlog, "event waits", "events wait") + " in the journal"
	}
	switch {
	case s.State == "blocked":
		return Bad, "waits for you since " + moment(s.Since, now) + because(s.LastError) + next(s.Waiting, now) + waiting
	case !s.Up:
		return Bad, "takes no events since " + moment(s.Since, now) + because(s.LastError) + next(s.Waiting, now) + waiting
	case s.Lag > behind.Seconds():
		return Worth, "is " + Seconds(s.Lag) + " behind and catching up" + waiting
	default:
		return Fine, ""
	}
}

// moment gives a time and how long ago that is.
func moment(t, now time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return clock(t, now) + " (" + Span(now.Sub(t)) + ")"
}

func because(f *pipeline.Failure) string {
	if f == nil {
		return ""
	}
	return ": " + Plain(strings.Join(strings.Fields(f.Error), " "))
}

func next(w *pipeline.Wait, now time.Time) string {
	if w == nil || w.Next.IsZero() {
		return ""
	}
	if left := w.Next.Sub(now); left >= time.Second {
		return ". Tries again in " + Span(left)
	}
	return ". Tries again now"
}

// waits says what a part that is well waits for.
func waits(w *pipeline.Wait, now time.Time) string {
	if w == nil {
		return ""
	}
	text := "waits for " + Plain(w.For)
	if !w.Next.IsZero() && w.Next.After(now) {
		text += ", next in " + Span(w.Next.Sub(now))
	}
	return text
}
