// Package harness starts the servers that shiplog talks to, as tests need them:
// on free loopback ports, in directories of their own, ready when the call
// returns, stopped with the test whatever happens to it. What it starts is
// fetched once from a package registry and kept in the user's cache directory,
// or in SHIPLOG_INTEGRATION_CACHE.
//
// A server that cannot be had fails the test; it never skips it. The logs of a
// failed test are kept, and their place is told.
package harness
