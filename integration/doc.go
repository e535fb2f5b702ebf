// Package integration proves shiplog against the servers that it talks to. It
// is a module of its own, so that what only tests need stays out of the
// program's.
//
// Tests without a build tag run against servers in the same process. Those with
// the tag "integration" start the real ones; see package harness.
package integration
