// Package sinks is the contract of a sink. One package below it holds each
// kind; sinktest proves that a kind keeps the contract.
package sinks
