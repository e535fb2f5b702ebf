// Package kafka is the sink that produces events to a topic of Apache Kafka, or
// of anything that speaks its protocol.
//
// It owns the record batches, from the choice of the partition to the bytes on
// the wire, and tells from each answer which events were accepted. The
// connections are kafka-go's Transport; its Writer is not used, for it queues
// without bound, waits a second for company, and writes after its caller has
// given up.
//
// A partition's records are in the order of the journal as long as one batch is
// in flight, which is the default.
//
// Without exactly_once an event may be written twice: when an answer is lost,
// or comes too late, the batch comes again. Consumers tell by the header ce_id.
// With it, one transaction holds a batch and the cursor after it (see
// producer), and consumers that read committed records see each event once. The
// cluster forgets the group's offset when nothing was delivered for a week
// (offsets.retention.minutes) or the topic is deleted; the journal's cursor
// counts then, which is the same unless the agent was killed in between.
// Beside the offset stands the journal's identity: a sequence of another journal
// means nothing to this one.
//
// The rights that it needs: Write and Describe on the topic; with exactly_once
// also Read on the topic, Read on the group and Write and Describe on the
// transactional id, both named shiplog-AGENT-SINK, the latter also with -replay
// after it for replays.
package kafka
