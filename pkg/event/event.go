package event

import "time"

// An Event is one audit fact, normalized: a small envelope for routing and
// search, and one document for the destinations.
type Event struct {
	Envelope

	// Doc is the event as one JSON object in ECS, encoded once, in a fixed
	// frame that lets a reader add to it without decoding it:
	//
	//   - it begins with {"event":{"original":" where the record's text is
	//     kept, and with {"event":{ in any case;
	//   - its last member is "shiplog", a non-empty object, so that it ends
	//     with }};
	//   - it has no line breaks and no event.sequence: the sequence and the
	//     delivery number are spliced in when it is shipped (see AppendDoc).
	//
	// Doc must not be changed.
	Doc []byte
}

// Envelope is what routing, searching and counting need of an event without
// reading its document. Its strings may share memory with the frame or record
// they came from: a holder that outlives it copies them.
type Envelope struct {
	// Sequence is the event's number in the journal, from 1. 0: not appended.
	Sequence uint64

	// ID identifies the event for ever: the producer's id, or one derived from
	// the content where the producer gave none. Never empty.
	ID string

	// Occurred is when it happened by the producer's clock; Received is when
	// the upstream service took it in, or else when we read it. UTC.
	Occurred time.Time
	Received time.Time

	Action    string // the event's full name, such as prefect-cloud.api-key.created
	Actor     string // who did it: e-mail, else name, else id; empty where unknown
	ActorID   string
	Account   string // id
	Workspace string // id; empty: at account level
	Resource  string // full id of what it was done to

	Outcome  Outcome
	Severity Severity
	Source   string // name of the source in the config

	// Hash is the SHA-256 of the text in event.original.
	Hash [32]byte
}

// Outcome is ECS event.outcome.
type Outcome uint8

// The outcomes. NoOutcome means that success and failure make no sense for the
// event.
const (
	NoOutcome Outcome = iota
	Success
	Failure
	Unknown
)

// String gives ECS's word, empty for NoOutcome.
func (o Outcome) String() string {
	switch o {
	case Success:
		return "success"
	case Failure:
		return "failure"
	case Unknown:
		return "unknown"
	default:
		return ""
	}
}

// Severity is the scale of OCSF's severity_id, from 1 to 5.
type Severity uint8

// The severities, and what they mean here.
const (
	Info     Severity = 1 // routine, no change of power
	Low      Severity = 2 // ordinary change
	Medium   Severity = 3 // identity, credential, role, access, or a denial
	High     Severity = 4 // trust boundary, or loss of a workspace or account
	Critical Severity = 5 // the audit trail itself: gaps, damage, tampering
)

// String gives the name in lower case; "unknown" outside the scale.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	default:
		return "unknown"
	}
}
