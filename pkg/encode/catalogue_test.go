package encode_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// records are events of an action as Prefect could send them: with all that an
// event can say, and with next to nothing.
func records(action string) map[string]string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(action, "prefect-cloud."), ".")
	related := `{"prefect.resource.id":"prefect-cloud.actor.a1","prefect.resource.role":"actor","prefect.resource.name":"Ana","prefect-cloud.email":"ana@example.com","prefect-cloud.handle":"ana"},` +
		`{"prefect.resource.id":"prefect-cloud.account.o1","prefect.resource.role":"account","prefect.resource.name":"Acme"},` +
		`{"prefect.resource.id":"prefect-cloud.workspace.w1","prefect.resource.role":"workspace","prefect.resource.name":"prod"}`
	event := func(related, payload string) string {
		return fmt.Sprintf(`{"id":"e1","event":%q,"occurred":"2026-11-02T08:11:25.568873Z","received":"2026-11-02T08:11:26Z","account":"o1","workspace":"w1",`+
			`"resource":{"prefect.resource.id":"prefect-cloud.%s.r1","prefect.resource.name":"thing"},"related":[%s],"payload":%s}`, action, kind, related, payload)
	}
	return map[string]string{
		"user":    event(related+`,{"prefect.resource.id":"prefect-cloud.user.u1","prefect.resource.role":"user","prefect.resource.name":"tom","prefect-cloud.email":"tom@example.com"}`, `{"ip_address":"192.0.2.7","user_agent":"curl/8","role":"Owner"}`),
		"team":    event(related+`,{"prefect.resource.id":"prefect-cloud.team.t1","prefect.resource.role":"team","prefect.resource.name":"ops"}`, `{"updates":{"name":{"from":"a","to":"b"}}}`),
		"sso":     event(related, `{"method":"sso"}`),
		"little":  fmt.Sprintf(`{"id":"e1","event":%q,"occurred":"2026-11-02T08:11:25Z","resource":{"prefect.resource.id":"prefect-cloud.%s.r1"},"payload":{}}`, action, kind),
		"nothing": fmt.Sprintf(`{"event":%q}`, action),
		"odd":     fmt.Sprintf(`{"id":7,"event":%q,"occurred":"yesterday","resource":[1],"related":{"x":1},"payload":"text","account":{}}`, action),
	}
}

// Every event of the catalogue, through normalization, in every format.
func TestCatalogueInEveryFormat(t *testing.T) {
	schema := loadOCSF(t)
	n, err := normalize.New(normalize.Options{Source: "cloud"})
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range actions() {
		for name, record := range records(action) {
			inEveryFormat(t, schema, n, action+" ("+name+")", record)
		}
	}
}

// So are the samples that ship with the project, whose payloads are as varied as
// Prefect's may be.
func TestSamplesInEveryFormat(t *testing.T) {
	schema := loadOCSF(t)
	n, err := normalize.New(normalize.Options{Source: "cloud"})
	if err != nil {
		t.Fatal(err)
	}
	samples, err := os.ReadFile("../../configs/samples/audit.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	for line := range strings.Lines(string(samples)) {
		number++
		inEveryFormat(t, schema, n, fmt.Sprintf("line %d", number), line)
	}
}

// inEveryFormat normalizes a record, encodes it in every format, and checks each.
func inEveryFormat(t *testing.T, schema *ocsfSchema, n *normalize.Normalizer, name, record string) {
	t.Helper()
	e, _, verdict, reason, err := n.Normalize(&event.Record{Raw: []byte(record)}, time.Unix(1793600000, 0).UTC(), nil)
	if verdict != normalize.Keep {
		t.Errorf("%s: %s %v", name, reason, err)
		return
	}
	e.Sequence = 1
	for _, format := range encode.Names() {
		line := encoded(t, format, &e, event.Delivery{Number: 1})
		if strings.ContainsAny(line, "\n\r") || line == "" {
			t.Errorf("%s as %s is not one line: %q", name, format, line)
		}
		switch format {
		case "ocsf":
			if problems := schema.validate([]byte(line)); len(problems) > 0 {
				t.Errorf("%s:\n  %s\n%s", name, strings.Join(problems, "\n  "), line)
			}
		case "cim":
			checkCIM(t, name, line)
		case "cef":
			parseCEF(t, line)
		case "leef":
			parseLEEF(t, line)
		}
	}
}

// changeActions are the actions that CIM's Change model knows.
var changeActions = []string{"acl_modified", "cleared", "created", "deleted", "modified", "stopped", "lockout", "read", "logoff", "updated", "started", "restarted", "unlocked"}

// checkCIM checks what Splunk's data models want of an event, and that it is
// flat but for what is nested on purpose.
func checkCIM(t *testing.T, action, line string) {
	t.Helper()
	if d := duplicates([]byte(line)); d != "" {
		t.Errorf("%s: member %s twice in %s", action, d, line)
	}
	var e map[string]any
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatalf("%s: %v in %s", action, err, line)
	}
	required := []string{"event_id", "vendor_product", "signature", "signature_id", "severity", "dest", "action"}
	switch e["cim_model"] {
	case "Change":
		required = append(required, "object_category", "change_type", "status", "command")
		if !slices.Contains(changeActions, fmt.Sprint(e["action"])) {
			t.Errorf("%s: action %v is none of the Change model", action, e["action"])
		}
	case "Authentication":
		required = append(required, "app")
		if e["action"] != "success" && e["action"] != "failure" {
			t.Errorf("%s: action %v is none of the Authentication model", action, e["action"])
		}
	case "Network_Traffic":
		required = append(required, "rule", "transport", "dest_port")
	case "Ticket_Management":
		required = slices.DeleteFunc(append(required, "change"), func(s string) bool { return s == "action" })
	}
	for _, field := range required {
		if e[field] == nil || e[field] == "" {
			t.Errorf("%s: %s is missing in %s", action, field, line)
		}
	}
	for name, v := range e {
		if v == nil || v == "" {
			t.Errorf("%s: %s is empty", action, name)
		}
		_, nested := v.(map[string]any)
		if nested && name != "payload" && name != "labels" {
			t.Errorf("%s: %s is nested", action, name)
		}
	}
}
