// Package kafka is the source that reads topics of Apache Kafka as a member of
// a consumer group, so that many agents share the load.
//
// It owns which partitions are read from where, and promises that a record is
// committed to the group only once it is in the journal. Its position has one
// part for each partition, TOPIC/NUMBER, with the offset to read next; where
// that is ahead of what the group has committed, a commit was lost, and the
// position counts. So within one agent each record is read once. When a
// partition moves to another agent, what the first one had not committed yet is
// read by both: the event ids tell.
//
// Records of aborted transactions are passed over, as read_committed consumers
// do. kafka-go's Reader does not do that, nor can it tell when a record is safe;
// of kafka-go the package uses the group protocol and the connections, and
// fetches by itself.
//
// The rights that it needs: Read and Describe on the topics, Read on the group.
package kafka
