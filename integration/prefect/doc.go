// Package prefect proves the Prefect source against a Prefect server from its
// own package, whose events API is that of a workspace of Prefect Cloud. Its
// tests have the tag "integration".
package prefect
