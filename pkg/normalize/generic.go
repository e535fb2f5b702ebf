package normalize

import (
	"bytes"

	"github.com/shiplog/shiplog/pkg/event"
)

// decodeGeneric takes any JSON object apart by the names that such records
// commonly use. The record as a whole is kept as the payload.
func decodeGeneric(s *scanner, f *fields) {
	start := s.i
	s.open()
	var who resource
	for key, more := s.member(true); more; key, more = s.member(false) {
		switch s.peek() {
		case '"':
			f.named(key, s.str(), &who)
		case '{':
			if isPerson(key) {
				readPerson(s, &who)
			} else {
				f.details.read(s, 1)
			}
		case '[', 't', 'f', 'n':
			s.skip()
		default:
			f.number(key, s.value())
		}
	}
	if s.fault != "" {
		return
	}
	f.seen = true
	f.payload, f.payloadDepth = s.b[start:s.i], s.deepest
	if who.id != nil || who.name != nil || who.email != nil {
		who.role = text("actor")
		f.related = append(f.related, who)
	}
}

// named files a text by its name, the likeliest names first to come.
func (f *fields) named(key []byte, value text, who *resource) {
	var into *text
	switch string(bytes.ToLower(key)) {
	case "id", "event_id", "eventid", "uuid", "uid", "_id", "event.id":
		into = &f.id
	case "@timestamp", "timestamp", "time", "occurred", "occurred_at", "created_at", "createdat", "datetime", "date", "ts", "eventtime", "event_time":
		into = &f.occurred
	case "action", "event", "event_type", "eventtype", "event_name", "eventname", "event.action", "operation", "type":
		into = &f.event
	case "user.email", "email", "user_email":
		into = &who.email
	case "user.id", "user_id", "userid", "actor_id":
		into = &who.id
	case "actor", "user", "username", "user_name", "user.name", "principal":
		into = &who.name
	case "account", "account_id", "organization", "organization_id", "org_id", "tenant", "organization.id":
		into = &f.account
	case "workspace", "workspace_id":
		into = &f.workspace
	case "resource", "resource_id", "target", "object":
		into = &f.resource.id
	case "outcome", "status", "result", "event.outcome":
		into = &f.outcome
	default:
		f.details.take(key, value)
		return
	}
	if len(*into) == 0 {
		*into = value
	}
	if isEmail(who.name) && len(who.email) == 0 {
		who.email = who.name
	}
}

// number files a number: an epoch time or an id.
func (f *fields) number(key []byte, value []byte) {
	switch string(bytes.ToLower(key)) {
	case "id", "event_id", "eventid", "uid":
		if len(f.id) == 0 {
			f.id = value
		}
	case "@timestamp", "timestamp", "time", "occurred", "ts", "created_at", "eventtime", "event_time":
		if len(f.occurred) == 0 {
			f.occurred = value
		}
	}
}

func isPerson(key []byte) bool {
	switch string(bytes.ToLower(key)) {
	case "user", "actor", "principal":
		return true
	default:
		return false
	}
}

func readPerson(s *scanner, who *resource) {
	s.open()
	for key, more := s.member(true); more; key, more = s.member(false) {
		if s.peek() != '"' {
			s.skip()
			continue
		}
		value := s.str()
		switch string(key) {
		case "id", "uid", "uuid":
			who.id = value
		case "name", "username", "login", "full_name":
			who.name = value
		case "email", "mail":
			who.email = value
		}
	}
}

// outcomeFrom reads the words that records use for an outcome.
func outcomeFrom(word text) event.Outcome {
	switch string(bytes.ToLower(word)) {
	case "success", "succeeded", "ok", "allowed", "allow", "granted", "passed":
		return event.Success
	case "failure", "failed", "fail", "error", "denied", "deny", "blocked", "rejected":
		return event.Failure
	default:
		return event.NoOutcome
	}
}

// writeGeneric writes what follows event.hash and precedes shiplog.
func (d *doc) writeGeneric(f *fields, p *plan, who *people, place *places, at *times, e *event.Event, id text, created []byte) {
	d.text(`"id":`, id)
	d.b = append(d.b, constantOf(p.entry, string(f.event), e.Severity, e.Outcome, "generic")...)
	d.raw(`"created":`, created)
	d.text(`"reason":`, f.details.reason)
	d.b = append(d.b, `},"@timestamp":"`...)
	d.b = appendTime(d.b, at.occurred)
	d.b = append(d.b, `","ecs":{"version":"`+ecsVersion+`"}`...)
	d.message(p, who, f, place)
	d.user(who, f)
	d.organization(place)
	d.origin(&f.details)
	d.related(f, who)
	d.failure(&f.details, false)
}
