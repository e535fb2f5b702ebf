// Package elasticsearch ships events to Elasticsearch, OpenSearch and what
// speaks their bulk API.
//
// Every event is written with "create" and an _id made from the event's id, so
// that a repeated write is answered 409 and counts as a duplicate: exactly once
// within one backing index. The document is the batch item's bytes, spliced
// into the request as they are.
//
// elastictransport, the transport of go-elasticsearch v8, chooses the node and
// passes over dead ones. The client above it is left out on purpose: its
// product check refuses OpenSearch, and its bulk indexer never retries an item.
//
// What each answer means is in triage.go, the one rule that needs thought (is
// the event at fault, or the set-up?) in suspicion.go.
package elasticsearch
