package normalize

import (
	"encoding/json"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
)

// fill fills the envelope from a document, but for the times, the source and
// the hash.
func (t tree) fill(e *event.Event) {
	e.ID = t.text("event.id")
	e.Action = t.text("event.action")
	e.ActorID = t.text("user.id")
	e.Actor = firstOf(t.text("user.email"), t.text("user.full_name"), t.text("user.name"), e.ActorID)
	e.Account = t.text("organization.id")
	e.Workspace = t.text("prefect.workspace.id")
	e.Resource = t.text("prefect.resource.id")
	e.Outcome = outcomeOf(t.text("event.outcome"))
	e.Severity = t.severity()
}

// severity is the document's own where it is on our scale, else the catalogue's.
func (t tree) severity() event.Severity {
	v, _ := t.get("event.severity")
	var n int64
	switch v := v.(type) {
	case json.Number:
		n, _ = v.Int64() // 0 is off the scale
	case int:
		n = int64(v)
	}
	if n >= int64(event.Info) && n <= int64(event.Critical) {
		return event.Severity(n)
	}
	entry, _ := catalog.Lookup(t.text("event.action"))
	return entry.Severity
}

func outcomeOf(word string) event.Outcome {
	for _, o := range [...]event.Outcome{event.Success, event.Failure, event.Unknown} {
		if o.String() == word {
			return o
		}
	}
	return event.NoOutcome
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}
