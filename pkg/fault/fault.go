// Package fault names the kinds of failure that decide what happens next. A
// sink or a source says which kind it met; only the pipeline acts on it.
package fault

import (
	"errors"
	"time"
)

// Kind is what a failure asks for.
type Kind uint8

const (
	// Retry asks for the same again, later. The zero value, and so the kind of
	// every error that nobody classified: nothing is given up by accident.
	Retry Kind = iota

	// TooLarge says that the request was too large. The batch is split; one event
	// alone becomes a dead letter.
	TooLarge

	// Refused says that the destination will never take this very content. The
	// batch is bisected until the event is found; that event becomes a dead
	// letter.
	Refused

	// Credentials says that we are not let in. Wait long and tell the operator; the
	// events are not at fault.
	Credentials

	// Setup says that we are let in, but the destination is not set up to take
	// the events: no such index or topic, a read-only block, a missing right. Wait
	// long and tell the operator; the events are not at fault.
	Setup
)

// String gives the kind's name as metric labels use it.
func (k Kind) String() string {
	switch k {
	case TooLarge:
		return "too_large"
	case Refused:
		return "refused"
	case Credentials:
		return "credentials"
	case Setup:
		return "setup"
	default:
		return "retry"
	}
}

// Error is a failure with its kind.
type Error struct {
	Kind Kind

	// Reason is a short name of the cause that is good for a metric label, such
	// as "status_503" or "timeout": from a bounded set. Empty: the kind's name.
	Reason string

	// After is how long the other side asked us to wait, for instance by
	// Retry-After. 0: it did not say.
	After time.Duration

	Err error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New wraps err with a kind and a reason.
func New(kind Kind, reason string, err error) *Error {
	return &Error{Kind: kind, Reason: reason, Err: err}
}

// KindOf returns the kind of the first *Error in err's chain; Retry where there
// is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Retry
}

// ReasonOf returns the reason of the first *Error in err's chain, its kind's
// name where it has none, and "error" where there is no *Error.
func ReasonOf(err error) string {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return "error"
	case e.Reason == "":
		return e.Kind.String()
	default:
		return e.Reason
	}
}

// Wait returns how long the other side asked us to wait, 0 where it did not.
func Wait(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.After
	}
	return 0
}
