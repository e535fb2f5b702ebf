// Package prefectcloud proves the Prefect Cloud source through the real pipeline
// and a real journal, against an imitation of the service that is hostile: the
// ids in the journal are those on the server, once each, whatever goes wrong;
// and agent reconcile finds and mends what was hidden.
package prefectcloud
