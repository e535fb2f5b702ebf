// Package normalize turns a record into an event: decoded once, mapped by the
// catalogue, run through the processors, and encoded once as ECS.
package normalize

import (
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// A Normalizer normalizes the records of one source. It belongs to one
// goroutine; New is cheap enough to have one a worker.
type Normalizer struct{}

// Options are what a normalizer needs to know of its source.
type Options struct {
	Source  string // its name in the config
	Decoder string // prefect, ecs or json

	// Processors run in order on every event. Compile them once with
	// CompileProcessors; they may be shared.
	Processors *Processors
}

// Processors is a checked list of processors. It may be shared by normalizers.
type Processors struct{}

// New returns a normalizer.
func New(o Options) (*Normalizer, error) { panic("not built") }

// Verdict is what became of a record.
type Verdict uint8

// The verdicts.
const (
	Keep    Verdict = iota // it is an event
	Drop                   // a processor dropped it on purpose
	Invalid                // it cannot be read: a dead letter
)

// Normalize turns a record into an event. The document's memory is taken from
// buf, which is returned grown; strings of the envelope may share memory with
// rec.Raw or with buf, so both must stay as they are until the event has been
// appended. now stands in for rec.Received where that is zero.
//
// With Drop, reason is the processor's kind. With Invalid, reason is short and
// from a bounded set (not_json, not_utf8, no_action, …), err says more.
func (n *Normalizer) Normalize(rec *event.Record, now time.Time, buf []byte) (e event.Event, grown []byte, v Verdict, reason string, err error) {
	panic("not built")
}

// Own makes an event of the agent's own, such as shiplog.gap: action begins
// with "shiplog.". fields go under shiplog.* in the document.
func Own(action, message string, severity event.Severity, at time.Time, fields map[string]any) event.Event {
	panic("not built")
}
