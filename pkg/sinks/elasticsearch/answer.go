package elasticsearch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// wanted is the filter_path of bulk requests. The status of every item stays
// in, so that positions do.
const wanted = "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason,items.*.failure_store"

// itemAnswer is what became of one event.
type itemAnswer struct {
	Status       int          `json:"status"`
	FailureStore string       `json:"failure_store"`
	Error        *serverError `json:"error"`
}

// serverError is Elasticsearch's way to say why. Some answers have a text where
// others have this object.
type serverError struct {
	Type     string       `json:"type"`
	Reason   string       `json:"reason"`
	CausedBy *serverError `json:"caused_by"`
}

func (e *serverError) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &e.Reason)
	}
	type plain serverError
	return json.Unmarshal(text, (*plain)(e))
}

// Error gives the type, the reason, and the innermost cause: those between
// repeat them.
func (e *serverError) Error() string {
	text, cause := e.Reason, e
	for cause.CausedBy != nil {
		cause = cause.CausedBy
	}
	if cause.Reason != e.Reason {
		text += ": " + cause.Reason
	}
	if e.Type == "" {
		return text
	}
	return e.Type + ": " + text
}

// parseBulk reads the answer to a bulk request of n items. Nil items with a nil
// error mean that all were stored.
func parseBulk(text []byte, n int) ([]itemAnswer, error) {
	if allStored(text, n) {
		return nil, nil
	}
	var a struct {
		Errors bool `json:"errors"`
		Items  []struct {
			Create *itemAnswer `json:"create"`
		} `json:"items"`
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(a.Items) != n {
		return nil, fmt.Errorf("the answer is about %d events, the request had %d", len(a.Items), n)
	}
	items := make([]itemAnswer, n)
	for i := range a.Items {
		if a.Items[i].Create == nil || a.Items[i].Create.Status == 0 {
			return nil, errors.New("the answer lacks the status of an event")
		}
		items[i] = *a.Items[i].Create
	}
	return items, nil
}

// allStored recognises the usual answer without decoding it: no errors, a
// status 200 or 201 for each item, none in the failure store.
func allStored(text []byte, n int) bool {
	text = bytes.TrimSpace(text)
	head := text[:min(len(text), 256)]
	return bytes.Contains(head, []byte(`"errors":false`)) &&
		bytes.HasSuffix(text, []byte("}]}")) &&
		bytes.Count(text, []byte(`"status":20`)) == n &&
		bytes.Count(text, []byte(`"create":{`)) == n &&
		!bytes.Contains(text, []byte(`"failure_store":"used"`))
}
