// Package agent is the assembly: from a config file to a running pipeline. It
// is the only package that names the built-in kinds of sources and sinks.
package agent
