package normalize

import (
	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
)

// fill fills the envelope from a document, but for the times, the source and
// the hash.
func (n *node) fill(e *event.Event) {
	e.ID = n.text("event.id")
	e.Action = n.text("event.action")
	e.ActorID = n.text("user.id")
	e.Actor = firstOf(n.text("user.email"), n.text("user.full_name"), n.text("user.name"), e.ActorID)
	e.Account = n.text("organization.id")
	e.Workspace = n.text("prefect.workspace.id")
	e.Resource = n.text("prefect.resource.id")
	e.Outcome = outcomeOf(n.text("event.outcome"))
	e.Severity = n.severity()
}

// severity is the document's own where it is on our scale, else the catalogue's.
func (n *node) severity() event.Severity {
	raw := n.get("event.severity")
	if len(raw) == 1 && raw[0] >= '0'+byte(event.Info) && raw[0] <= '0'+byte(event.Critical) {
		return event.Severity(raw[0] - '0')
	}
	entry, _ := catalog.Lookup(n.text("event.action"))
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
