package encode

import (
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// leef is IBM's Log Event Extended Format, version 2.0, with a tab between the
// pairs. It knows no escapes: what would end a value becomes a blank. No syslog
// header is written.
type leef struct{}

func (leef) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	r, err := load(e, d)
	if err != nil {
		return dst, err
	}
	defer r.free()
	w := leefWriter{record: r, b: dst}
	w.header()
	w.facts()
	w.people()
	w.place()
	return w.b, nil
}

type leefWriter struct {
	*record

	b     []byte
	start int
}

// QRadar takes user names of up to 255 characters; the rest is bounded so that a
// line fits into its usual limit for a message.
const (
	leefName = 255
	leefText = 1023
)

func (w *leefWriter) header() {
	vendorText, productText := w.vendorProduct()
	w.b = append(w.b, "LEEF:2.0|"...)
	for _, field := range [...]string{vendorText, productText, formatVersion, w.event.Action} {
		w.b = appendClean(w.b, view(field), leefName, leefHeader)
		w.b = append(w.b, '|')
	}
	w.b = append(w.b, "x09|"...)
	w.start = len(w.b)
}

func (w *leefWriter) key(name string) {
	if len(w.b) > w.start {
		w.b = append(w.b, '\t')
	}
	w.b = append(w.b, name...)
	w.b = append(w.b, '=')
}

func (w *leefWriter) value(key string, v ecsdoc.Value, limit int) {
	if v.Empty() {
		return
	}
	mark := len(w.b)
	w.key(key)
	from := len(w.b)
	w.b = w.appendValue(w.b, v, limit, leefValue)
	if len(w.b) == from {
		w.b = w.b[:mark]
	}
}

func (w *leefWriter) text(key, s string) {
	if s == "" {
		return
	}
	w.key(key)
	w.b = appendClean(w.b, view(s), leefText, leefValue)
}

func (w *leefWriter) number(key string, n uint64) {
	w.key(key)
	w.b = strconv.AppendUint(w.b, n, 10)
}

func (w *leefWriter) facts() {
	e := w.event
	if e.Occurred != (time.Time{}) {
		w.key("devTime")
		w.b = strconv.AppendInt(w.b, e.Occurred.UnixMilli(), 10)
	}
	w.text("cat", w.kind)
	w.number("sev", uint64(severity10(e.Severity))) //nolint:gosec // from 1 to 10
	w.text("name", w.title)
	w.text("eventId", e.ID)
	w.text("action", w.verb())
	w.text("outcome", e.Outcome.String())
	w.value("reason", w.first(eventReason, errorMessage), leefText)
	w.value("msg", w.values[message], leefText)
	switch e.Action {
	case "prefect-cloud.user.logged-in":
		w.text("isLoginEvent", "true")
	case "prefect-cloud.user.logged-out":
		w.text("isLogoutEvent", "true")
	}
}

func (w *leefWriter) people() {
	w.value("usrName", w.label(actor), leefName)
	w.value("userId", w.values[userID], leefText)
	w.value("role", w.values[actorType], leefText)
	w.value("targetUser", w.label(target), leefName)
	w.value("targetUserId", w.values[targetID], leefText)
	w.value("targetRole", firstElement(w.first(changesRoles, targetRoles)), leefText)
	w.value("groupID", w.values[groupID], leefText)
	w.value("groupName", w.values[groupName], leefText)
}

func (w *leefWriter) place() {
	w.value("src", w.first(sourceIP, sourceAddress), leefText)
	w.value("userAgent", w.values[userAgent], leefText)
	w.value("url", w.first(urlFull, urlPath), leefText)
	w.value("method", w.values[httpMethod], leefText)
	w.value("policy", w.values[ruleName], leefText)
	w.value("accountName", w.first(orgName, orgID), leefText)
	w.value("accountId", w.values[orgID], leefText)
	w.value("workspace", w.first(workspaceName, workspaceID), leefText)
	w.value("resource", w.values[resourceName], leefText)
	w.value("resourceId", w.values[resourceID], leefText)
	w.value("resourceType", w.values[resourceType], leefText)
	if w.event.Sequence > 0 {
		w.number("sequence", w.event.Sequence)
	}
	if w.delivery.Number > 0 {
		w.number("delivery", w.delivery.Number)
	}
	w.text("journal", w.journal())
	w.value("agentId", w.values[agentID], leefText)
	w.value("agentName", w.values[agentName], leefText)
}
