// Package search finds events in the journal: by time, by the fields of the
// envelope, by text and by expression. It reads a live journal without stopping
// it, skips segments outside the time range, and needs the same memory whatever
// the journal's size.
package search

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
)

// Query says which events are wanted. The zero Query wants all. Texts are
// matched without regard to case; in all but Text, * stands for anything.
type Query struct {
	Since, Until time.Time // by when the event occurred: since <= occurred < until; zero: no limit

	From, To uint64 // sequences, inclusive; 0: no limit

	Action    string // the event's full name, or what follows prefect-cloud.
	Actor     string // e-mail, name, handle or id
	Workspace string // id or name
	Resource  string // full id, bare id or name
	Outcome   string // success, failure, unknown
	Source    string // name in the config
	Text      string // anywhere in the event

	// Where is asked last. Nil: nothing more is asked.
	Where *filter.Filter

	// Lost is told of the sequences [first, next) of the range that the journal
	// cannot give, because they are damaged: what was asked for may be among
	// them. Nil: nobody is told.
	Lost func(first, next uint64)
}

// Check finds what no event can match, which a user did not mean.
func (q *Query) Check() error {
	switch {
	case !q.Since.IsZero() && !q.Until.IsZero() && !q.Until.After(q.Since):
		return fmt.Errorf("until %s is not after since %s", q.Until.Format(time.RFC3339), q.Since.Format(time.RFC3339))
	case q.To > 0 && q.To < q.From:
		return fmt.Errorf("to %d is before from %d", q.To, q.From)
	case q.Outcome != "" && !slices.Contains(outcomes, strings.ToLower(q.Outcome)):
		return fmt.Errorf("outcome %q: success, failure or unknown", q.Outcome)
	default:
		return nil
	}
}

// outcomes are the words that events have.
var outcomes = []string{event.Success.String(), event.Failure.String(), event.Unknown.String()}
