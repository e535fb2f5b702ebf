package encode

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
	"github.com/shiplog/shiplog/pkg/event"
)

// ocsf is the Open Cybersecurity Schema Framework, version 1.8.0
// (schema.ocsf.io). What the schema has no place for goes into unmapped, so that
// nothing is lost; prefect.payload, prefect.related and prefect.workspace stand
// there under their last name, all else under its full ECS name.
type ocsf struct{}

func (ocsf) Append(dst []byte, e *event.Event, d event.Delivery) ([]byte, error) {
	r, err := load(e, d)
	if err != nil {
		return dst, err
	}
	defer r.free()
	w := ocsfWriter{record: r, class: r.classify()}
	w.b = append(dst, '{')
	w.metadata()
	w.classification()
	w.actor()
	w.object()
	w.endpoint()
	w.request()
	w.observables()
	w.rawData()
	w.unmapped()
	w.close()
	return w.b, nil
}

// An ocsfWriter writes one event.
type ocsfWriter struct {
	jsonWriter
	*record

	class  classification
	seen   [maxObservables]observable
	seenNr int
	names  [][2]int // where the names in unmapped begin and end in b
}

const maxObservables = 12

// An observable is a value worth searching for, and where it stands.
type observable struct {
	name   string
	typeID int
	kind   string // the caption of typeID
	value  ecsdoc.Value
}

func (w *ocsfWriter) observe(name string, typeID int, kind string, v ecsdoc.Value) {
	if v != nil && w.seenNr < maxObservables {
		w.seen[w.seenNr] = observable{name, typeID, kind, v}
		w.seenNr++
	}
}

func (w *ocsfWriter) metadata() {
	e := w.event
	w.open("metadata")
	w.constant("version", ocsfSchemaVersion)
	vendorText, productText := w.vendorProduct()
	w.open("product")
	w.text("name", productText)
	w.text("vendor_name", vendorText)
	w.close()
	w.profiles()
	w.text("event_code", e.Action)
	w.text("uid", e.ID)
	w.text("original_event_uid", e.ID)
	w.raw("original_time", w.take(timestamp))
	w.millis("logged_time", received, e.Received)
	w.millis("processed_time", eventCreated, time.Time{})
	w.raw("log_name", w.take(eventDataset))
	w.raw("log_provider", w.take(eventProvider))
	switch w.values[eventModule].Text() {
	case "prefect", "shiplog": // the product says as much
		w.used[eventModule] = true
	}
	w.raw("tenant_uid", w.first(orgID))
	w.raw("correlation_uid", w.take(follows))
	if e.Sequence > 0 {
		w.number("sequence", int64(e.Sequence)) //nolint:gosec // a journal has fewer than 2^63 events
	}
	by := w.delivery.By
	if w.relayed || by == nil && w.has(agentID, agentName) {
		w.open("reporter")
		w.raw("name", w.take(agentName))
		w.raw("uid", w.take(agentID))
		w.close()
	}
	if by != nil && by.Agent != "" {
		w.logger(by)
	}
	w.close()
}

// logger names the agent in the chain of those that passed the event on, and its
// journal as the log that the sequence counts in.
func (w *ocsfWriter) logger(by *event.Shipper) {
	w.openList("loggers")
	w.element()
	if w.relayed {
		w.text("name", by.Name)
		w.text("uid", by.Agent)
		w.text("version", by.Version)
	} else {
		w.raw("name", w.take(agentName))
		w.raw("uid", w.take(agentID))
		w.raw("version", w.take(agentVersion))
	}
	w.text("log_name", by.Journal)
	w.open("product")
	w.constant("name", "shiplog")
	w.constant("vendor_name", "shiplog")
	w.close()
	w.close()
	w.closeList()
}

// profiles names the profiles whose attributes the event has.
func (w *ocsfWriter) profiles() {
	switch {
	case w.denied():
		w.key("profiles")
		w.b = append(w.b, `["security_control"]`...)
	case w.class.uid == baseEvent && w.has(userID, userName, userEmail):
		w.key("profiles") // a base event has an actor only with it
		w.b = append(w.b, `["host"]`...)
	}
}

// denied is true for a request that was refused.
func (w *ocsfWriter) denied() bool {
	return w.class.uid == apiActivity && w.event.Outcome == event.Failure
}

// millis writes a time of the document, or else fallback, in milliseconds.
func (w *ocsfWriter) millis(name string, s slot, fallback time.Time) {
	t := fallback
	if v := w.values[s]; !v.Empty() {
		if parsed, err := time.Parse(time.RFC3339Nano, v.Text()); err == nil {
			w.used[s] = true
			t = parsed
		}
	}
	if !t.IsZero() {
		w.number(name, t.UnixMilli())
	}
}

func (w *ocsfWriter) classification() {
	c, e := &w.class, w.event
	w.number("time", e.Occurred.UnixMilli())
	w.number("category_uid", int64(c.class.category))
	w.constant("category_name", c.class.categoryName)
	w.number("class_uid", int64(c.uid))
	w.constant("class_name", c.class.name)
	w.number("activity_id", int64(c.activity))
	w.text("activity_name", c.name)
	w.number("type_uid", int64(c.uid*100+c.activity))
	w.key("type_name")
	w.b = append(append(append(w.b, '"'), c.class.name...), ": "...)
	if c.activity == otherActivity {
		w.b = append(w.b, `Other"`...)
	} else {
		w.b = append(append(w.b, c.name...), '"')
	}
	severity := min(int(e.Severity), len(ocsfSeverities)-1)
	w.number("severity_id", int64(severity))
	w.constant("severity", ocsfSeverities[severity])
	switch e.Outcome {
	case event.Success:
		w.status(1, "Success")
	case event.Failure:
		w.status(2, "Failure")
	case event.Unknown:
		w.status(0, "Unknown")
	case event.NoOutcome:
	}
	w.raw("status_code", w.first(errorCode))
	w.raw("status_detail", w.first(eventReason, errorMessage))
	w.raw("message", w.take(message))
}

var ocsfSeverities = [...]string{"Unknown", "Informational", "Low", "Medium", "High", "Critical"}

func (w *ocsfWriter) status(id int64, caption string) {
	w.number("status_id", id)
	w.constant("status", caption)
}

func (w *ocsfWriter) observables() {
	if w.seenNr == 0 {
		return
	}
	w.openList("observables")
	for _, o := range w.seen[:w.seenNr] {
		w.element()
		w.constant("name", o.name)
		w.number("type_id", int64(o.typeID))
		w.constant("type", o.kind)
		w.raw("value", o.value)
		w.close()
	}
	w.closeList()
}

func (w *ocsfWriter) rawData() {
	v := w.take(eventOriginal)
	if v.IsString() {
		w.raw("raw_data", v)
	}
	w.used[eventHash] = true
	if w.event.Hash == ([32]byte{}) {
		return
	}
	w.open("raw_data_hash")
	w.number("algorithm_id", 3)
	w.constant("algorithm", "SHA-256")
	w.key("value")
	w.b = append(w.b, '"')
	w.b = hex.AppendEncode(w.b, w.event.Hash[:])
	w.b = append(w.b, '"')
	w.close()
}

// number64 reads a whole number of a field; false where it is none.
func (r *record) number64(s slot) (int64, bool) {
	n, err := strconv.ParseInt(r.values[s].Text(), 10, 64)
	return n, err == nil
}
