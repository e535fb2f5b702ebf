// Package ecsdoc reads chosen fields out of an event's ECS document without
// decoding it: one pass over the bytes, no maps, no copies. It depends on
// nothing else of ours.
//
// The documents are those that the agent wrote itself, so the scanner checks
// only as much as it needs to stay inside the bytes: a damaged document gives
// an error or a wrong value, never a panic.
package ecsdoc
