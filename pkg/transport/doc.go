// Package transport makes the connections: HTTP clients with TLS and proxies,
// SASL for Kafka; and tells from a status or a network error what kind of
// failure it is.
package transport
