package cloudtest

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is an event as the service has it.
type Event struct {
	ID        string
	Name      string
	Occurred  time.Time
	Workspace string // empty: of the account

	// Raw is the event as the service sends it; nil: made from the rest.
	Raw []byte
}

// Events makes n events, from number first on, that occurred at intervals of
// step.
func Events(first, n int, at time.Time, step time.Duration) []Event {
	all := make([]Event, n)
	for i := range all {
		all[i] = Event{
			ID:       fmt.Sprintf("00000000-0000-4000-8000-%012d", first+i),
			Name:     "prefect-cloud.api-key.created",
			Occurred: at.Add(time.Duration(i) * step).UTC().Truncate(time.Microsecond),
		}
	}
	return all
}

// IDs lists the events' ids.
func IDs(events []Event) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

func (e *Event) fill(account string) {
	if e.Raw != nil {
		return
	}
	stamp := e.Occurred.UTC().Format(time.RFC3339Nano)
	text := fmt.Sprintf(`{"occurred": %q, "event": %q, "resource": {"prefect.resource.id": "prefect-cloud.api-key.%s"}, "related": [], "payload": {"big": 9007199254740993}, "id": %q, "follows": null, "received": %q`,
		stamp, e.Name, e.ID, e.ID, stamp)
	if account != "" {
		workspace, _ := json.Marshal(e.Workspace)
		if e.Workspace == "" {
			workspace = []byte("null")
		}
		text += fmt.Sprintf(`, "account": %q, "workspace": %s`, account, workspace)
	}
	e.Raw = []byte(text + "}")
}
