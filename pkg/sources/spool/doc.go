// Package spool is the source that follows files of lines: it finds them by
// glob, knows each by what it is and not by its name, and hands every line over
// once, whatever rotation does to the files (see docs/sources/spool.md).
//
// Two goroutines work for Run. The reader owns every file and all state; it
// finds, opens and splits, and fills batches. Run itself emits them, so that
// the next block is read while the last one is made durable. A third only
// collects notifications from the kernel.
//
// What a line means is not its business: that is the decoder's.
package spool
