// Package splunk proves the Splunk HEC sink with the built binary against a
// collector that keeps strictly to what Splunk documents; see package hectest.
// No registry has a real one.
package splunk
