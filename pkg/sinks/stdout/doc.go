// Package stdout is the sink that writes events to the standard output: as
// lines for the next program, or as short lines for people.
package stdout
