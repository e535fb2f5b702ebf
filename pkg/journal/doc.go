// Package journal is the log on disk that everything goes through: sources
// append to it, every sink is a cursor on it.
package journal
