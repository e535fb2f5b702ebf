// Package e2e runs the built binary as its users do: with a config file, a spool
// and receivers on loopback. It proves what only a whole process can show:
// nothing lost across kill -9, a dead sink that nobody notices, latency, speed
// and memory.
package e2e
