package splunkhec

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

// answer is what a collector answered. Source: Splunk, "Troubleshoot HTTP Event
// Collector", possible error codes.
type answer struct {
	Text   string          `json:"text"`
	Code   *int            `json:"code"` // nil: the answer is not a collector's, but a proxy's
	AckID  *int64          `json:"ackId"`
	Number *int            `json:"invalid-event-number"` // from 0
	Acks   map[string]bool `json:"acks"`

	status int
	before mark          // the highest acknowledgement id when the request was sent
	after  time.Duration // Retry-After
	body   []byte
}

func parseAnswer(status int, header http.Header, body []byte) answer {
	a := answer{status: status, after: transport.RetryAfter(header, time.Now()), body: body}
	if err := json.Unmarshal(body, &a); err != nil {
		a.Code, a.AckID, a.Number, a.Acks = nil, nil, nil, nil
	}
	return a
}

// code is the collector's code, -1 where there is none.
func (a answer) code() int {
	if a.Code == nil {
		return -1
	}
	return *a.Code
}

// accepted says whether the events are in. A 200 that is not a collector's, such
// as a proxy's page, is not.
func (a answer) accepted() bool {
	return a.status == http.StatusOK && (a.code() == 0 || a.crowded())
}

// crowded says that the collector took the events and is nearly full (24: the
// queue, 25: the ack channel).
func (a answer) crowded() bool {
	return a.status == http.StatusOK && (a.code() == 24 || a.code() == 25)
}

// isolated says whether one event is at fault (6: invalid data, 12: no event,
// 13: blank event, 15: bad indexed fields), and which. Splunk has indexed those
// before it, and has not read those after it.
func (a answer) isolated(events int) (n int, ok bool) {
	switch a.code() {
	case 6, 12, 13, 15:
	default:
		return 0, false
	}
	switch {
	case a.status != http.StatusBadRequest:
		return 0, false
	case events == 1:
		return 0, true
	case a.Number == nil || *a.Number < 0 || *a.Number >= events:
		return 0, false
	default:
		return *a.Number, true
	}
}

// fault gives an answer that is no acceptance its kind: by the code where there
// is one, else by the status.
func (a answer) fault() error {
	kind, hint := a.kindOfCode()
	reason := "status_" + strconv.Itoa(a.status)
	if c := a.code(); c >= 0 && c <= 27 {
		reason = "code_" + strconv.Itoa(c)
	}
	return &fault.Error{Kind: kind, Reason: reason, After: a.after, Err: a.err(hint)}
}

func (a answer) kindOfCode() (kind fault.Kind, hint string) {
	if a.status == http.StatusRequestEntityTooLarge {
		return fault.TooLarge, ""
	}
	switch a.code() {
	case 1, 22:
		return fault.Credentials, "the token is disabled: enable it in Splunk"
	case 2, 3, 4, 21:
		return fault.Credentials, "check token"
	case 7:
		return fault.Setup, "the token may not write to this index, or it does not exist: change index, or allow it for the token"
	case 10:
		return fault.Setup, "the token has indexer acknowledgement: set ack: true"
	case 14:
		return fault.Setup, "the token has no indexer acknowledgement: enable it in Splunk, or set ack: false"
	case 11, 16:
		return fault.Setup, ""
	case 5, 6, 12, 13, 15: // which event is not said: to be found by halving
		return fault.Refused, ""
	case 8, 9, 18, 19, 20, 23, 26, 27:
		return fault.Retry, ""
	}
	return a.kindOfStatus()
}

func (a answer) kindOfStatus() (kind fault.Kind, hint string) {
	switch {
	case a.status == http.StatusOK:
		return fault.Retry, "this is not a collector's answer; check url, and what stands between"
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusProxyAuthRequired:
		return fault.Credentials, ""
	case a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly, a.status == http.StatusTooManyRequests, a.status >= 500:
		return fault.Retry, ""
	case a.status == http.StatusBadRequest && a.Code != nil: // a code that is newer than this list
		return fault.Refused, ""
	default:
		return fault.Setup, "check url: this is not how a collector answers"
	}
}

func (a answer) err(hint string) error {
	text := fmt.Sprintf("status %d", a.status)
	switch {
	case a.Code != nil:
		text += fmt.Sprintf(", code %d: %s", a.code(), transport.Excerpt([]byte(a.Text)))
	case len(a.body) > 0:
		text += ": " + transport.Excerpt(a.body)
	}
	if hint != "" {
		text += "; " + hint
	}
	return fmt.Errorf("%s", text) //nolint:err113 // the text is the whole fact
}
