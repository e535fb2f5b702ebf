package encode

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// cef is the ArcSight Common Event Format, CEF:0, with the key names and length
// limits of its extension dictionary (Micro Focus, revision 27). Times are in
// milliseconds. No syslog header is written.
type cef struct{}

func (cef) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	r, err := load(e, d)
	if err != nil {
		return dst, err
	}
	defer r.free()
	w := cefWriter{record: r, b: dst}
	w.header()
	w.facts()
	w.people()
	w.client()
	w.custom()
	return w.b, nil
}

type cefWriter struct {
	*record

	b     []byte
	start int // where the extension begins
}

// formatVersion is the Device Version of CEF and LEEF: the generation of the
// mapping, so that a parser can tell.
const formatVersion = "1"

func (w *cefWriter) header() {
	vendorText, productText := w.vendorProduct()
	w.b = append(w.b, "CEF:0|"...)
	w.field(vendorText, 63)
	w.field(productText, 63)
	w.field(formatVersion, 31)
	w.field(w.event.Action, 1023)
	w.field(w.title, 512)
	w.b = strconv.AppendInt(w.b, int64(severity10(w.event.Severity)), 10)
	w.b = append(w.b, '|')
	w.start = len(w.b)
}

// severity10 is a severity on the scale of CEF and LEEF.
func severity10(s event.Severity) int {
	e := catalog.Entry{Severity: s}
	return e.CEFSeverity()
}

func (w *cefWriter) field(s string, limit int) {
	w.b = appendClean(w.b, view(s), limit, cefHeader)
	w.b = append(w.b, '|')
}

// key begins a pair.
func (w *cefWriter) key(name string) {
	if len(w.b) > w.start {
		w.b = append(w.b, ' ')
	}
	w.b = append(w.b, name...)
	w.b = append(w.b, '=')
}

// value writes a pair, unless the value is empty once it is clean.
func (w *cefWriter) value(key string, v ecsdoc.Value, limit int) {
	if v.Empty() {
		return
	}
	mark := len(w.b)
	w.key(key)
	from := len(w.b)
	w.b = w.appendValue(w.b, v, limit, cefValue)
	if len(w.b) == from {
		w.b = w.b[:mark]
	}
}

// text writes a pair of a text that is not from the document.
func (w *cefWriter) text(key, s string, limit int) {
	if s == "" {
		return
	}
	w.key(key)
	w.b = appendClean(w.b, view(s), limit, cefValue)
}

func (w *cefWriter) number(key string, n uint64) {
	w.key(key)
	w.b = strconv.AppendUint(w.b, n, 10)
}

func (w *cefWriter) time(key string, t time.Time) {
	if !t.IsZero() {
		w.key(key)
		w.b = strconv.AppendInt(w.b, t.UnixMilli(), 10)
	}
}

// labelled writes one of the custom fields with the key that says what it is.
func (w *cefWriter) labelled(key, label string, v ecsdoc.Value, limit int) {
	mark := len(w.b)
	w.value(key, v, limit)
	if len(w.b) > mark {
		w.label(key, label)
	}
}

func (w *cefWriter) label(key, label string) {
	w.b = append(append(append(append(w.b, ' '), key...), "Label="...), label...)
}

func (w *cefWriter) facts() {
	e := w.event
	w.time("rt", e.Received)
	w.time("start", e.Occurred)
	w.time("end", e.Occurred)
	w.text("externalId", e.ID, 40)
	w.text("act", w.verb(), 63)
	w.text("cat", w.kind, 1023)
	w.text("outcome", e.Outcome.String(), 63)
	w.value("reason", w.first(eventReason, errorMessage), 1023)
	w.value("msg", w.values[message], 1023)
}

func (w *cefWriter) people() {
	w.value("suser", w.nameOf(actor), 1023)
	w.value("suid", w.values[userID], 1023)
	w.value("spriv", w.values[actorType], 1023)
	w.value("duser", w.nameOf(target), 1023)
	w.value("duid", w.values[targetID], 1023)
	w.value("dpriv", firstElement(w.values[targetRoles]), 1023)
}

// nameOf is what a reader knows a person by, as long as there is more than the
// id, which has a key of its own.
func (r *record) nameOf(p person) ecsdoc.Value { return r.first(p.email, p.name, p.fullName) }

func firstElement(v ecsdoc.Value) ecsdoc.Value {
	for element := range v.Elements {
		return element
	}
	return nil
}

func (w *cefWriter) client() {
	address, err := netip.ParseAddr(w.values[sourceIP].Text())
	switch {
	case err != nil:
		w.value("shost", w.first(sourceAddress, sourceIP), 1023)
	case address.Unmap().Is4():
		w.text("src", address.Unmap().String(), 40)
	default:
		w.labelled("c6a2", "source IPv6", w.values[sourceIP], 60)
	}
	_, productText := w.vendorProduct()
	w.text("destinationServiceName", productText, 1023)
	w.value("dvchost", w.values[agentName], 100)
	w.value("deviceExternalId", w.values[orgID], 255)
	w.value("request", w.first(urlFull, urlPath), 1023)
	w.value("requestMethod", w.values[httpMethod], 1023)
	w.value("requestClientApplication", w.values[userAgent], 1023)
}

func (w *cefWriter) custom() {
	w.labelled("cs1", "account", w.first(orgName, orgID), 4000)
	w.labelled("cs2", "workspace", w.first(workspaceName, workspaceID), 4000)
	w.labelled("cs3", "resource id", w.values[resourceID], 4000)
	w.labelled("cs4", "resource name", w.values[resourceName], 4000)
	w.labelled("cs5", "role", firstElement(w.first(changesRoles, targetRoles, userRoles)), 4000)
	w.labelled("cs6", "payload", w.values[payload], 4000)
	w.labelled("flexString1", "rule", w.values[ruleName], 1023)
	if journal := w.journal(); journal != "" {
		w.text("flexString2", journal, 1023)
		w.label("flexString2", "journal")
	}
	if w.event.Sequence > 0 {
		w.number("cn1", w.event.Sequence)
		w.label("cn1", "sequence")
	}
	if w.delivery.Number > 0 {
		w.number("cn2", w.delivery.Number)
		w.label("cn2", "delivery")
	}
	// The dictionary's agentId is for consumers alone; a key of one's own is
	// named for vendor, product and meaning.
	if by := w.delivery.By; by != nil {
		w.text("ShiplogAgentId", by.Agent, 1023)
	}
}
