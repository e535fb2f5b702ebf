// Package event owns the words that all of shiplog shares: the record that a
// source reads, the event that a record becomes, and the position that a source
// can go on from. It depends on nothing else of ours and does no I/O.
package event
