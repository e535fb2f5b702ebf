package catalog

import (
	"strings"

	"github.com/shiplog/shiplog/pkg/event"
)

// An Entry is what is known of one kind of event. It is shared: it must not be
// changed.
type Entry struct {
	Event   string // full name, such as prefect-cloud.api-key.created; may hold a *
	Name    string // short title: API key created
	Meaning string // one sentence

	// Message says what an actor did, without the actor and the place: created
	// API key {resource}. {resource}, {target} and {group} stand for names. Where
	// it ends with a preposition, or is a verb alone, the place follows directly.
	// Empty: there is nothing better to say than Name.
	Message string

	Severity event.Severity
	Outcome  event.Outcome
	Target   Target
	ECS      ECS
	OCSF     OCSF
	CIM      CIM
}

// ECS is the classification by the Elastic Common Schema; event.kind is "event"
// for all. Both lists may be empty.
type ECS struct {
	Category []string
	Type     []string
}

// OCSF is the classification by the Open Cybersecurity Schema Framework 1.8.
type OCSF struct {
	Class        int    // class_uid; 0: Base Event
	Activity     int    // activity_id
	ActivityName string // never empty
}

// TypeUID is OCSF's type_uid.
func (o OCSF) TypeUID() int { return o.Class*100 + o.Activity }

// CIM is the classification by Splunk's Common Information Model. Model is empty
// where none fits.
type CIM struct {
	Model          string // Change, Authentication, Network_Traffic, Ticket_Management
	Dataset        string // All_Changes, Account_Management, Incident …
	Action         string // for Ticket_Management: the change
	ObjectCategory string
	ChangeType     string
}

// Target says where to find whom or what an event was done to.
type Target string

// The targets.
const (
	NoTarget Target = ""
	Self     Target = "self"     // the actor: a login
	Resource Target = "resource" // the resource is the user
	Owner    Target = "owner"    // the owner of the key
	Member   Target = "member"   // the member of an account or team
	Group    Target = "group"    // the resource is the group
	Grantee  Target = "grantee"  // who got access: a user or a team
	Invitee  Target = "invitee"  // known by e-mail
)

// CEFSeverity gives the severity on CEF's and LEEF's scale, 0 to 10.
func (e *Entry) CEFSeverity() int {
	switch e.Severity {
	case event.Low:
		return 3
	case event.Medium:
		return 5
	case event.High:
		return 8
	case event.Critical:
		return 10
	default:
		return 1
	}
}

// Split takes an event's name apart: the resource type and the verb, which may
// have dots of its own. Names outside prefect-cloud., prefect. and shiplog. are
// a user's own; their type is "custom".
func Split(action string) (kind, verb string) {
	rest, known := cutNamespace(action)
	if !known {
		return "custom", action
	}
	kind, verb, _ = strings.Cut(rest, ".")
	return kind, verb
}

func cutNamespace(action string) (rest string, known bool) {
	for _, ns := range [...]string{"prefect-cloud.", "prefect.", "shiplog."} {
		if rest, known = strings.CutPrefix(action, ns); known {
			return rest, true
		}
	}
	return action, false
}
