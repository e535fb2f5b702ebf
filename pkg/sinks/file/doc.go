// Package file is the sink that appends events to files, one a line, whose
// names may have the date of each event in them.
//
// Nothing is written twice, also across a kill at any moment: after each write
// is synced, the length of the files and the sequence that they hold are
// recorded in the state directory; at the next start what was written beyond
// that is cut off, and the sequence is reported. See state.go.
package file
