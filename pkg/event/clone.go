package event

import (
	"bytes"
	"strings"
)

// Clone returns a copy that shares no memory with the frame or the record that
// the event came from: for whoever keeps a few of many.
func (e *Event) Clone() Event {
	c := *e
	c.Doc = bytes.Clone(e.Doc)
	for _, s := range []*string{
		&c.ID, &c.Action, &c.Actor, &c.ActorID, &c.Account, &c.Workspace, &c.Resource, &c.Source,
	} {
		*s = strings.Clone(*s)
	}
	return c
}
