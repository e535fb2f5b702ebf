// Package pipeline moves events: an intake for every source, which normalizes
// records and appends them to the journal, and a shipper for every sink, which
// reads the journal, filters, encodes, batches and delivers.
//
// It owns every retry, every wait between attempts, and every cursor. It
// promises the order of effects: dead letters of a source, then the append, then
// the source's acknowledgement; delivery, dead letters of a sink, then the
// cursor. A crash between any two repeats work and loses nothing. For each sink,
// at any moment and across restarts,
//
//	appended = delivered + duplicate + filtered + dead-lettered + lost + backlog
//
// where appended counts from the event at which the sink began.
//
// Sinks and sources know nothing of this package, and shippers know nothing of
// each other: what one destination does changes nothing for another.
package pipeline
