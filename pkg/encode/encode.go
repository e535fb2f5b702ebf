// Package encode turns the ECS document of an event into the format that a sink
// wants: ecs, ocsf, cim, cef, leef, or the original bytes.
package encode

import (
	"fmt"
	"strings"

	"github.com/shiplog/shiplog/pkg/event"
)

// An Encoder writes events in one format. It may be used from many goroutines.
type Encoder interface {
	// Append appends the event to dst as one line without a line break, and
	// returns the result. On an error dst is returned as it was given.
	Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error)
}

// Names lists the formats.
func Names() []string { return []string{"ecs", "ocsf", "cim", "cef", "leef", "raw"} }

// New returns the encoder of a format; an error names the ones there are.
func New(format string) (Encoder, error) {
	switch format {
	case "ecs":
		return ecs{}, nil
	case "ocsf":
		return ocsf{}, nil
	case "cim":
		return cim{}, nil
	case "cef":
		return cef{}, nil
	case "leef":
		return leef{}, nil
	case "raw":
		return raw{}, nil
	}
	return nil, fmt.Errorf("there is no format %q; there are %s", format, strings.Join(Names(), ", "))
}

// ecs is the document itself.
type ecs struct{}

func (ecs) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	return e.AppendDoc(dst, d), nil
}
