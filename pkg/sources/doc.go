// Package sources is the contract of a source. One package below it holds each
// kind; sourcetest proves that a kind keeps the contract.
package sources
