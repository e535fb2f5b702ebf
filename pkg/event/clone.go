package event

import (
	"bytes"
	"strings"
	"unsafe"
)

// Clone returns a copy that shares no memory with the frame or the record that
// the event came from: for whoever keeps a few of many.
func (e *Event) Clone() Event {
	c := *e
	c.Doc = bytes.Clone(e.Doc)
	for _, s := range c.texts() {
		*s = strings.Clone(*s)
	}
	return c
}

// MoveText appends the envelope's text to buf, makes its strings parts of that
// memory, which must not be written to any more as long as they are in use, and
// returns the extended buffer.
func (e *Envelope) MoveText(buf []byte) []byte {
	for _, s := range e.texts() {
		start := len(buf)
		buf = append(buf, *s...)
		*s = unsafe.String(unsafe.SliceData(buf[start:]), len(*s)) // #nosec G103 -- a copy of each would cost an allocation a field
	}
	return buf
}

func (e *Envelope) texts() [8]*string {
	return [...]*string{&e.ID, &e.Action, &e.Actor, &e.ActorID, &e.Account, &e.Workspace, &e.Resource, &e.Source}
}
