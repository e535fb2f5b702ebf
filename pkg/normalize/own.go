package normalize

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// Own makes an event of the agent's own, such as shiplog.gap: action begins
// with "shiplog.". fields go under shiplog.* in the document; values must be
// what encoding/json can write.
func Own(action, message string, severity event.Severity, at time.Time, fields map[string]any) event.Event {
	p := newPlan(action, action)
	members := make(map[string]any, len(fields)+1)
	for k, v := range fields {
		members[k] = v
	}
	members["source"] = "shiplog"
	own, err := json.Marshal(members)
	if err != nil {
		own = []byte(`{"source":"shiplog"}`)
	}
	var e event.Event
	raw, err := json.Marshal(struct {
		Action  string          `json:"event"`
		At      time.Time       `json:"occurred"`
		Message string          `json:"message"`
		Fields  json.RawMessage `json:"shiplog"`
		Nonce   string          `json:"nonce"`
	}{action, at.UTC(), message, own, rand.Text()})
	if err != nil {
		raw = []byte(`{}`)
	}
	e.Hash = sha256.Sum256(raw)
	e.ID = string(derivedID(nil, &e.Hash))
	e.Occurred, e.Received = at.UTC(), at.UTC()
	e.Action, e.Source = action, "shiplog"
	e.Outcome, e.Severity = p.entry.Outcome, severity

	d := doc{}
	d.head(raw, &e.Hash)
	d.text(`"id":`, text(e.ID))
	d.b = append(d.b, constantOf(p.entry, action, severity, e.Outcome, "shiplog")...)
	d.b = append(d.b, `},"@timestamp":"`...)
	d.b = appendTime(d.b, at)
	d.b = append(d.b, `","ecs":{"version":"`+ecsVersion+`"},"message":`...)
	d.b = event.AppendQuoted(d.b, message)
	d.b = append(d.b, `,"service":{"name":"shiplog","type":"shiplog"},"shiplog":`...)
	d.b = append(d.b, own...)
	d.b = append(d.b, '}')
	e.Doc = d.b
	return e
}
