package prefectcloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

// page is one answer of the API.
type page struct {
	items []item
	total int // events of the whole query
	next  string
}

// item is one event as the service sent it.
type item struct {
	raw      []byte
	id, name string
	occurred time.Time // zero: unreadable
}

// decodePage reads an answer. The items' raw bytes are those of the answer.
func decodePage(body []byte, secrets ...string) (page, error) {
	var answer struct {
		Events   *[]json.RawMessage `json:"events"`
		Total    int                `json:"total"`
		NextPage *string            `json:"next_page"`
	}
	err := json.Unmarshal(body, &answer)
	if err == nil && answer.Events == nil {
		err = fmt.Errorf("it has no events")
	}
	if err != nil {
		reason := "bad_answer"
		if first := bytes.TrimSpace(body); len(first) > 0 && first[0] == '<' {
			reason = "html"
		}
		return page{}, fault.New(fault.Retry, reason, fmt.Errorf("the answer is not a page of events (%w); is this a proxy's? It begins: %s", err, transport.Excerpt(body, secrets...)))
	}
	p := page{items: make([]item, 0, len(*answer.Events)), total: answer.Total}
	if answer.NextPage != nil {
		p.next = *answer.NextPage
	}
	for _, raw := range *answer.Events {
		p.items = append(p.items, newItem(raw))
	}
	return p, nil
}

// newItem reads what the source must know of an event. What it cannot read, the
// decoder of the pipeline will judge.
func newItem(raw []byte) item {
	it := item{raw: raw}
	var head struct {
		ID       string `json:"id"`
		Event    string `json:"event"`
		Occurred string `json:"occurred"`
	}
	if json.Unmarshal(raw, &head) == nil {
		it.id, it.name, it.occurred = head.ID, head.Event, parseTime(head.Occurred)
	}
	return it
}

// parseTime accepts what Prefect writes, a blank in place of the T included.
func parseTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "T", 1))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
