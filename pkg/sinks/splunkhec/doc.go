// Package splunkhec ships events to Splunk's HTTP Event Collector.
//
// Each event goes in an envelope of its own to the event endpoint, in gzip.
// Without ack, an event counts as delivered when Splunk answered 200; with it,
// when Splunk said that it is indexed. HEC has no idempotence: a lost answer can
// repeat a batch, so every event carries its id in the indexed field shiplog_id.
//
// What each code means is in codes.go, the life of acknowledgements in ack.go,
// the choice of the node in node.go. Package hectest is the other side.
package splunkhec
