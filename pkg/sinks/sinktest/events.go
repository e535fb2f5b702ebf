package sinktest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// began is when the first of the suite's events occurred. They are a minute
// apart.
var began = time.Date(2026, 11, 2, 8, 0, 0, 123456000, time.UTC)

// Event returns the n-th event of an invented audit trail: the same for the
// same n, with the id "event-NNNN".
func Event(n int) *event.Event {
	id := fmt.Sprintf("event-%04d", n)
	at := began.Add(time.Duration(n) * time.Minute)
	original := fmt.Sprintf(`{"event":"prefect-cloud.api-key.created","id":%q}`, id)
	doc := fmt.Sprintf(`{"event":{"original":%q,"id":%q,"kind":"event","category":["iam"],"type":["admin","creation"],`+
		`"action":"prefect-cloud.api-key.created","outcome":"success","severity":3,"dataset":"prefect.audit","module":"prefect"},`+
		`"@timestamp":%q,"ecs":{"version":"9.4.0"},"message":"API key created",`+
		`"user":{"id":"8413b8c0-fed5-4f41-a7bf-623fefbca812","name":"ana-example","email":"ana@example.com"},`+
		`"organization":{"id":"f7fd8b2d-fc26-45b7-90fb-8b8d91076163"},"shiplog":{"source":"spool"}}`,
		original, id, at.Format(time.RFC3339Nano))
	return &event.Event{
		Envelope: event.Envelope{
			Sequence: uint64(n) + 1, ID: id,
			Occurred: at, Received: at.Add(time.Second),
			Action: "prefect-cloud.api-key.created", Actor: "ana@example.com",
			ActorID: "8413b8c0-fed5-4f41-a7bf-623fefbca812", Account: "f7fd8b2d-fc26-45b7-90fb-8b8d91076163",
			Resource: "prefect-cloud.api-key." + id, Outcome: event.Success, Severity: event.Medium,
			Source: "spool", Hash: sha256.Sum256([]byte(original)),
		},
		Doc: []byte(doc),
	}
}

// Batch returns a batch of the events from first on, encoded by body; nil
// stands for ECS.
func Batch(first, count int, body func(e *event.Event, number uint64) []byte) sinks.Batch {
	if body == nil {
		body = ecs
	}
	b := sinks.Batch{Items: make([]sinks.Item, count), Through: uint64(first + count)}
	for i := range b.Items {
		e := Event(first + i)
		b.Items[i] = sinks.Item{Event: e, Body: body(e, e.Sequence), Number: e.Sequence}
	}
	return b
}

func ecs(e *event.Event, number uint64) []byte {
	return e.AppendDoc(nil, event.Delivery{Number: number})
}

func ids(b sinks.Batch) []string {
	out := make([]string, len(b.Items))
	for i := range b.Items {
		out[i] = b.Items[i].Event.ID
	}
	return out
}

// bodies copies the bodies of a batch.
func bodies(b sinks.Batch) [][]byte {
	out := make([][]byte, len(b.Items))
	for i := range b.Items {
		out[i] = bytes.Clone(b.Items[i].Body)
	}
	return out
}

// scribble overwrites what a sink must no longer read.
func scribble(b sinks.Batch) {
	for i := range b.Items {
		for j := range b.Items[i].Body {
			b.Items[i].Body[j] = '!'
		}
		b.Items[i] = sinks.Item{}
	}
}
