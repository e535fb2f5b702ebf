// Package deploy is a module of its own, so that Helm and Kubernetes do not
// become dependencies of the agent. Its tests render what is in deploy/ as a
// cluster would get it, decode it strictly into Kubernetes' own types, and check
// what a cluster's policies would ask.
package deploy
