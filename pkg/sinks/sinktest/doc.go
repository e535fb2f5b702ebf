// Package sinktest is the contract of a sink as a test suite. Each kind of sink
// runs it against a fake of its destination, or against the real one:
//
//	func TestContract(t *testing.T) {
//		sinktest.Run(t, sinktest.Suite{New: newDestination})
//	}
//
// The suite ships as the pipeline does (again what comes again, in halves what
// is too large or refused as a whole), so that what it proves is what a shipper
// relies on.
package sinktest
