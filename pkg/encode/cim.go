package encode

import (
	"time"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// cim is one flat JSON object with the field names of Splunk's Common
// Information Model, so that an add-on needs no more than event types and tags:
// cim_model and cim_dataset say which. Payload, related and labels stay nested.
//
// In Account_Management the user is the account that was changed and src_user
// who did it, as the model has it; everywhere else the user is who did it.
type cim struct{}

func (cim) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	r, err := load(e, d)
	if err != nil {
		return dst, err
	}
	defer r.free()
	w := cimWriter{record: r}
	w.b = append(dst, '{')
	w.origin()
	w.model()
	w.place()
	w.more()
	w.close()
	return w.b, nil
}

type cimWriter struct {
	jsonWriter
	*record
}

// origin writes what every event has.
func (w *cimWriter) origin() {
	e := w.event
	w.raw("timestamp", w.nonEmpty(timestamp))
	w.text("event_id", e.ID)
	by, name := w.vendorProduct()
	w.text("vendor_product", name)
	if by == "Prefect" {
		name = "prefect"
	}
	w.text("app", name)
	w.text("signature", w.title)
	w.text("signature_id", e.Action)
	w.text("command", e.Action)
	w.constant("severity", cimSeverities[min(int(e.Severity), len(cimSeverities)-1)])
	w.number("severity_id", int64(e.Severity))
	w.raw("description", w.nonEmpty(message))
	w.text("result", e.Outcome.String())
}

// cimSeverities are the words of CIM.
var cimSeverities = [...]string{"unknown", "informational", "low", "medium", "high", "critical"}

// model writes the fields of the data model that the event belongs to.
func (w *cimWriter) model() {
	c := &w.entry.CIM
	w.text("cim_model", c.Model)
	w.text("cim_dataset", c.Dataset)
	switch c.Model {
	case "Change":
		w.text("action", c.Action)
		w.text("change_type", c.ChangeType)
		w.text("status", w.event.Outcome.String())
		w.object(c.ObjectCategory)
		if c.Dataset == "Account_Management" {
			w.user("user", w.targetOrResource(), "")
			w.user("src_user", actor, w.values[actorType].Text())
			return
		}
	case "Authentication":
		w.text("action", authenticationAction(w.event.Outcome, c.Action))
		_, name := w.vendorProduct()
		w.text("authentication_service", name)
		if w.own() || !w.has(userID, userName, userEmail) {
			w.user("user", w.targetOrResource(), "")
			return
		}
	case "Network_Traffic":
		w.text("action", c.Action)
		w.constant("transport", "tcp")
		w.number("dest_port", 443)
		w.rule()
		w.object("")
	case "Ticket_Management":
		w.raw("ticket_id", w.bare(w.values[resourceID]))
		w.text("change", c.Action)
		w.text("status", ticketStatus(c.Action))
		w.object(c.ObjectCategory)
	default:
		w.text("action", w.verb())
		w.text("status", w.event.Outcome.String())
		w.object(w.kind)
	}
	w.user("user", actor, w.values[actorType].Text())
	w.targetUser()
}

// ticketStatus is the state of a ticket after a change; empty where the change
// does not tell.
func ticketStatus(change string) string {
	switch change {
	case "created", "declared", "reopened":
		return "open"
	case "resolved":
		return "resolved"
	case "deleted":
		return "deleted"
	}
	return ""
}

func authenticationAction(o event.Outcome, fallback string) string {
	switch o {
	case event.Success:
		return "success"
	case event.Failure:
		return "failure"
	case event.Unknown, event.NoOutcome:
	}
	return fallback
}

func (w *cimWriter) object(category string) {
	id := w.bare(w.values[resourceID])
	if name := w.values[resourceName]; !name.Empty() {
		w.raw("object", name)
	} else {
		w.raw("object", id)
	}
	w.raw("object_id", id)
	w.text("object_path", w.values[resourceID].Text())
	w.text("object_category", category)
}

func (w *cimWriter) rule() {
	if rule := w.values[ruleName]; !rule.Empty() {
		w.raw("rule", rule)
		return
	}
	w.constant("rule", "ip-allowlist")
}

// targetOrResource is who was changed: the target; where none is named, the
// resource if that is a user, and who accepts an invitation.
func (r *record) targetOrResource() person {
	isUser := r.entry.Target == catalog.Resource || r.entry.Target == catalog.Self
	switch {
	case r.has(targetID, targetName, targetEmail):
		return target
	case r.entry.Target == catalog.Invitee:
		return actor
	case !isUser:
		return target
	}
	r.values[resourceID] = r.bare(r.values[resourceID])
	return person{resourceID, resourceName, targetEmail, targetFullName}
}

// label is what a reader knows a person by: e-mail, else name, else id.
func (r *record) label(p person) ecsdoc.Value {
	return r.first(p.email, p.name, p.fullName, p.id)
}

// user writes a person under a prefix: user, user_id, user_name and user_type.
func (w *cimWriter) user(prefix string, p person, kind string) {
	names := &cimUser
	if prefix == "src_user" {
		names = &cimSrcUser
	}
	w.raw(names[0], w.label(p))
	w.raw(names[1], w.nonEmpty(p.id))
	w.raw(names[2], w.nonEmpty(p.name))
	w.text(names[3], kind)
}

var (
	cimUser    = [4]string{"user", "user_id", "user_name", "user_type"}
	cimSrcUser = [4]string{"src_user", "src_user_id", "src_user_name", "src_user_type"}
)

// targetUser writes whom the event was done to, where the model has no word.
func (w *cimWriter) targetUser() {
	w.raw("target_user", w.label(target))
	w.raw("target_user_id", w.nonEmpty(targetID))
}

func (r *record) nonEmpty(s slot) ecsdoc.Value {
	if r.values[s].Empty() {
		return nil
	}
	return r.values[s]
}

// place writes where it came from and where it took place.
func (w *cimWriter) place() {
	w.raw("src", w.first(sourceIP, sourceAddress))
	switch {
	case w.entry.CIM.Model == "Network_Traffic":
		w.constant("dest", "api.prefect.cloud")
	case w.has(workspaceName, workspaceID):
		w.raw("dest", w.first(workspaceName, workspaceID))
	default:
		_, name := w.vendorProduct()
		w.text("dest", name)
	}
	w.raw("src_country", w.nonEmpty(geoCountry))
	w.raw("src_city", w.nonEmpty(geoCity))
	w.raw("dvc", w.nonEmpty(agentName))
	w.raw("vendor_account", w.nonEmpty(orgID))
	w.raw("vendor_account_name", w.nonEmpty(orgName))
	w.raw("workspace_id", w.nonEmpty(workspaceID))
	w.raw("workspace", w.nonEmpty(workspaceName))
	w.raw("group_id", w.nonEmpty(groupID))
	w.raw("group", w.nonEmpty(groupName))
	w.raw("user_agent", w.nonEmpty(userAgent))
	w.raw("http_method", w.nonEmpty(httpMethod))
	w.raw("url", w.first(urlFull, urlPath))
	w.raw("reason", w.first(eventReason, errorMessage))
	w.raw("result_id", w.nonEmpty(httpStatus))
}

// more writes what only an investigation needs.
func (w *cimWriter) more() {
	switch v := w.nonEmpty(received); {
	case v != nil:
		w.raw("received", v)
	case !w.event.Received.IsZero():
		w.key("received")
		w.b = append(w.b, '"')
		w.b = w.event.Received.UTC().AppendFormat(w.b, time.RFC3339Nano)
		w.b = append(w.b, '"')
	}
	w.raw("follows", w.nonEmpty(follows))
	w.raw("user_role", w.nonEmpty(userRoles))
	w.raw("target_user_role", w.nonEmpty(targetRoles))
	w.raw("object_attrs", w.nonEmpty(changesRoles))
	w.raw("related", w.nonEmpty(relatedResources))
	w.raw("payload", w.nonEmpty(payload))
	if w.entry.CIM.Model != "Network_Traffic" { // where it is written already
		w.raw("rule", w.nonEmpty(ruleName))
	}
	w.raw("rule_id", w.nonEmpty(ruleID))
	for _, m := range w.rest {
		if m.parent.Depth != 0 {
			continue
		}
		switch string(m.name) {
		case "labels":
			w.raw("labels", m.value)
		case "tags": // of detections, too
			w.raw("tags", m.value)
		}
	}
	w.raw("event_hash", w.nonEmpty(eventHash))
	w.text("shiplog_source", w.event.Source)
	if w.event.Sequence > 0 {
		w.number("sequence", int64(w.event.Sequence)) //nolint:gosec // a journal has fewer than 2^63 events
	}
	if w.delivery.Number > 0 {
		w.number("delivery", int64(w.delivery.Number)) //nolint:gosec // as above
	}
	w.text("journal", w.journal())
	w.raw("agent_id", w.nonEmpty(agentID))
	if w.delivery.Replayed {
		w.key("replayed")
		w.b = append(w.b, "true"...)
	}
}
