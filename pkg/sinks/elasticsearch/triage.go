package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// A verdict is what an item's answer means.
type verdict uint8

const (
	stored verdict = iota
	duplicate
	again
	refused
	locked  // credentials
	unready // set-up
)

// judge reads one item's answer.
func judge(a itemAnswer) verdict {
	kind := ""
	if a.Error != nil {
		kind = a.Error.Type
	}
	switch {
	case a.FailureStore == "used": // answered as a success, but not in the stream
		return refused
	case a.Status >= 200 && a.Status < 300:
		return stored
	case a.Status == http.StatusConflict: // create: it is there already
		return duplicate
	case a.Status == http.StatusTooManyRequests || a.Status == http.StatusRequestTimeout || a.Status >= 500:
		return again
	case setupError(kind, a.Error):
		return unready
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return locked
	default:
		return refused
	}
}

// setupError says whether an error speaks of the destination's set-up,
// whatever the event.
func setupError(kind string, e *serverError) bool {
	switch kind {
	case "cluster_block_exception", "index_not_found_exception", "index_closed_exception",
		"invalid_index_name_exception", "resource_not_found_exception", "index_template_missing_exception":
		return true
	case "illegal_argument_exception":
		return strings.HasPrefix(e.Reason, "pipeline with id [") ||
			strings.Contains(e.Reason, "no write index is defined") ||
			strings.Contains(e.Reason, "op_type")
	default:
		return false
	}
}

// itemError is the reason of a result that is not a success.
func itemError(a itemAnswer, v verdict) error {
	err := error(a.Error)
	switch {
	case a.Error == nil && a.FailureStore == "used":
		err = errors.New("the server put it into the data stream's failure store")
	case a.Error == nil:
		err = fmt.Errorf("status %d", a.Status)
	}
	reason := fmt.Sprintf("status_%d", a.Status)
	switch v {
	case refused:
		return fault.New(fault.Refused, reason, err)
	case locked:
		return fault.New(fault.Credentials, reason, fmt.Errorf("not allowed to write: %w", err))
	case unready:
		return fault.New(fault.Setup, reason, err)
	default:
		return fault.New(fault.Retry, reason, err)
	}
}

// triage makes the report of a batch from its items' answers.
func (s *Sink) triage(items []itemAnswer) (sinks.Report, error) {
	var count [unready + 1]int
	verdicts := make([]verdict, len(items))
	worst := -1 // the first item that stops the whole batch if all are like it
	for i := range items {
		verdicts[i] = judge(items[i])
		count[verdicts[i]]++
		if verdicts[i] >= locked && worst < 0 {
			worst = i
		}
	}
	switch taken := count[stored] + count[duplicate]; {
	case taken > 0:
		s.suspicion.accepted()
	case worst >= 0 && count[again]+count[refused] == 0:
		return sinks.Report{}, itemError(items[worst], verdicts[worst])
	case count[refused] == len(items) && alike(items):
		if err := s.suspicion.refused(len(items), itemError(items[0], refused)); err != nil {
			return sinks.Report{}, err
		}
	}
	return report(items, verdicts), nil
}

func report(items []itemAnswer, verdicts []verdict) sinks.Report {
	var r sinks.Report
	for i, v := range verdicts {
		switch v {
		case stored:
		case duplicate:
			r.Results = append(r.Results, sinks.Result{Index: i, Outcome: sinks.Duplicate})
		case refused:
			r.Results = append(r.Results, sinks.Result{Index: i, Outcome: sinks.Refused, Err: itemError(items[i], v)})
		default:
			r.Results = append(r.Results, sinks.Result{Index: i, Outcome: sinks.Again, Err: itemError(items[i], v)})
		}
	}
	return r
}

// alike says whether all items failed for the same kind of reason, and are
// nowhere: what is in a failure store would be there once more after each try.
func alike(items []itemAnswer) bool {
	for i := range items {
		a, b := items[0].Error, items[i].Error
		if items[i].FailureStore == "used" {
			return false
		}
		if (a == nil) != (b == nil) || a != nil && a.Type != b.Type || items[i].Status != items[0].Status {
			return false
		}
	}
	return true
}

// requestFault reads the answer to a request that failed as a whole.
func requestFault(a answer) error {
	err := a.err()
	kind, reason := fault.Retry, fmt.Sprintf("status_%d", a.status)
	failure := a.failure()
	switch {
	case a.status == http.StatusRequestEntityTooLarge:
		kind = fault.TooLarge
	case a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || a.status >= 500:
	case failure != nil && setupError(failure.Type, failure):
		kind = fault.Setup
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		kind = fault.Credentials
	case a.status == http.StatusBadRequest:
		kind = fault.Refused // a body that cannot be read: find the event by halving
	default:
		kind = fault.Setup
	}
	return &fault.Error{Kind: kind, Reason: reason, After: a.after, Err: err}
}

// failure is what the server said, nil where it is not in its usual form.
func (a answer) failure() *serverError {
	var body struct {
		Error *serverError `json:"error"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		body.Error = nil
	}
	return body.Error
}

// err says which request failed and why.
func (a answer) err() error {
	if f := a.failure(); f != nil {
		return fmt.Errorf("%s: status %d: %w", a.request, a.status, f)
	}
	return fmt.Errorf("%s: status %d: %s", a.request, a.status, transport.Excerpt(a.body))
}
