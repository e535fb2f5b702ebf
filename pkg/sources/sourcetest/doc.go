// Package sourcetest proves that a source keeps the contract of package
// sources: nothing lost, nothing repeated across restarts, and an end when it
// is told to end. Each kind's tests call Run.
package sourcetest
