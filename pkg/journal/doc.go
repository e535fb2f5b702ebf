// Package journal is the log on disk that everything goes through: sources
// append to it, every sink is a cursor on it; replay, search and verification
// read it.
//
// It owns the data directory's journal, cursors, quarantine, reserve and LOCK.
// It promises that what Append returned for is read back after any crash,
// exactly once and in order; that a source's position survives if and only if
// the events before it do; that damage costs no more than the frames it hits,
// and is told of exactly; and that an altered frame is found. It leaves to
// others when a cursor may move, and what becomes of events that were lost.
//
// One goroutine writes (commit.go); callers of Append prepare their frames in
// parallel (append.go) and wait for it. Readers take no part in that: they see
// what is durable, near the end out of shared memory (recent.go), elsewhere
// from the files (reader.go, scan.go). View reads the same files from another
// process.
//
// # Format
//
// docs/journal-format.md gives every byte with its reason. In short: a segment
// file is named by its first sequence and begins with a header (segment.go) and
// two checkpoint frames, which hold all positions. A frame (frame.go) is a
// 100-byte header with lengths, sequence, times, chain hash and checksum; a
// payload (payload.go) of positions and then events, which may be compressed;
// and a 24-byte trailer. A sealed segment ends with a footer frame that indexes
// it and a pointer to that (footer.go). Bytes after the last frame of the last
// segment are zeros, or a write that a crash cut off, or damage; recover.go
// tells them apart.
package journal
