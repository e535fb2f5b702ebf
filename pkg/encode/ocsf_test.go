package encode_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
)

// The documents that an event of any action could have, from everything known
// to nothing.
var documents = map[string]string{
	"whole": `"message":"Ana did it","user":{"id":"a1","name":"ana","email":"ana@example.com","full_name":"Ana Example",` +
		`"target":{"id":"t1","name":"tom","email":"tom@example.com","roles":["Owner"]},"changes":{"name":"tim","email":"tim@example.com","roles":["Admin"]}},` +
		`"group":{"id":"g1","name":"ops"},"organization":{"id":"o1","name":"Acme"},"source":{"ip":"192.0.2.1","address":"192.0.2.1","geo":{"city_name":"Oslo","country_iso_code":"NO","timezone":"Europe/Oslo","location":{"lat":59.9,"lon":10.7}},"as":{"number":64500,"organization":{"name":"Net"}}},"client":{"ip":"192.0.2.1","address":"192.0.2.2"},` +
		`"user_agent":{"original":"curl/8"},"http":{"request":{"method":"POST"},"response":{"status_code":403}},"url":{"path":"/api/x"},` +
		`"rule":{"name":"ip-allowlist"},"error":{"message":"no"},"agent":{"id":"ag","name":"host-1","type":"shiplog"},"labels":{"environment":"prod"},` +
		`"prefect":{"action":"created","actor":{"type":"user"},"resource":{"type":"api-key","id":"prefect-cloud.api-key.r1","name":"key"},` +
		`"workspace":{"id":"w1","name":"prod"},"related":[{"prefect.resource.id":"x"}],"payload":{"a":1},"follows":"f1","received":"2026-11-02T08:11:26Z"}`,
	"no target":  `"user":{"id":"a1"},"prefect":{"resource":{"id":"prefect-cloud.x.r1"},"workspace":{"id":"w1"}}`,
	"a team":     `"group":{"id":"g1"},"prefect":{"resource":{"name":"r"}}`,
	"e-mail":     `"user":{"email":"ana@example.com","target":{"email":"not an address"}}`,
	"host":       `"user":{"full_name":"Ana"},"source":{"address":"client.example.com"}`,
	"odd types":  `"user":{"id":5,"name":["a","b"],"email":{"x":1},"target":"tom"},"group":[{"id":"g"}],"source":{"ip":"unknown"},"prefect":{"resource":{"id":true,"name":null},"workspace":7,"payload":"text","actor":{"type":"service-account"}},"http":{"response":{"status_code":"x"}}`,
	"odd place":  `"source":{"ip":"2001:db8::1","geo":{"city_name":"x","location":{"lat":"59","lon":null}},"as":{"number":"many"}}`,
	"dotted":     `"user.name":"ana","user.target.name":"tom","prefect":{"resource.id":"prefect-cloud.x.r1"}`,
	"nothing":    ``,
	"odd letter": `"user":{"name":"\u202eevil\u0000\n\"x\\","email":"ana@exa\u00e4mple.com"},"message":"\ud83d\ude00 \u2028 | = \t"`,
}

func eventOf(action, document string, entry *catalog.Entry) *event.Event {
	const original = `{\"event\":\"x\"}`
	doc := `{"event":{"original":"` + original + `","hash":"h","created":"2026-11-02T08:11:27.5Z","reason":"because","provider":"prefect-cloud","dataset":"prefect.audit","category":["iam"],"kind":"event"},"@timestamp":"2026-11-02T08:11:25.568873Z","ecs":{"version":"9.4.0"}`
	if document != "" {
		doc += "," + document
	}
	return &event.Event{
		Envelope: event.Envelope{
			Sequence: 42, ID: "id-1", Action: action, Outcome: entry.Outcome, Severity: entry.Severity, Account: "o1",
			Occurred: time.Date(2026, 11, 2, 8, 11, 25, 568873000, time.UTC), Received: time.Date(2026, 11, 2, 8, 11, 26, 0, time.UTC),
			Hash: sha256.Sum256([]byte(strings.ReplaceAll(original, `\"`, `"`))),
		},
		Doc: []byte(doc + `,"shiplog":{"source":"cloud"}}`),
	}
}

// actions are all of the catalogue's, with stars filled in, and some that it
// does not have.
func actions() []string {
	all := []string{"prefect-cloud.teapot.boiled", "prefect-cloud.teapot.created", "prefect-cloud.api-key.melted",
		"prefect-cloud.request.access-denied.moon", "prefect-cloud.Organization-Membership.Created", "my.own.event", "x", "prefect-cloud.", "shiplog.gap"}
	for _, e := range catalog.Default().Entries() {
		all = append(all, strings.ReplaceAll(e.Event, "*", "some-thing"))
	}
	return all
}

func TestOCSFIsValid(t *testing.T) {
	schema := loadOCSF(t)
	for _, action := range actions() {
		entry, _ := catalog.Lookup(action)
		for name, document := range documents {
			line := encoded(t, "ocsf", eventOf(action, document, entry), event.Delivery{Number: 7})
			if problems := schema.validate([]byte(line)); len(problems) > 0 {
				t.Errorf("%s (%s):\n  %s\n%s", action, name, strings.Join(problems, "\n  "), line)
			}
		}
	}
}

// Every text of the document is in the output, whatever the class.
func TestOCSFLosesNothing(t *testing.T) {
	for _, action := range actions() {
		entry, _ := catalog.Lookup(action)
		line := encoded(t, "ocsf", eventOf(action, documents["whole"], entry), event.Delivery{Number: 7})
		for _, want := range []string{"a1", "ana", "ana@example.com", "Ana Example", "t1", "tom", "tom@example.com", "Owner", "tim", "tim@example.com",
			"Admin", "g1", "ops", "o1", "Acme", "192.0.2.1", "curl/8", "POST", "/api/x", "ip-allowlist", "no", "because", "ag", "host-1",
			"prod", "created", "user", "Oslo", "NO", "Europe/Oslo", "Net", "192.0.2.2", "r1", "key", "w1", "f1", "Ana did it", "cloud"} {
			if !strings.Contains(line, `"`+want+`"`) && !strings.Contains(line, `.`+want+`"`) {
				t.Errorf("%s: %q is lost in %s", action, want, line)
			}
		}
		if !strings.Contains(line, `"delivery":7`) || !strings.Contains(line, `"environment":"prod"`) || !strings.Contains(line, `403`) || !strings.Contains(line, `59.9`) || !strings.Contains(line, `64500`) {
			t.Errorf("%s: delivery, label or status is lost in %s", action, line)
		}
	}
}

func TestOCSFFallbacks(t *testing.T) {
	tests := map[string]struct {
		action, document     string
		class, activity      int64
		activityName, needle string
	}{
		"grant to a team":       {"prefect-cloud.workspace-access.created", documents["a team"], 3006, 1, "Assign Privileges", `"group":{"uid":"g1"`},
		"grant to nobody":       {"prefect-cloud.workspace-access.deleted", documents["no target"], 3004, 4, "Delete", `"entity":{"uid":"r1"`},
		"a team without a name": {"prefect-cloud.team-membership.created", documents["no target"] + `,"organization":{"id":"o1"}`, 3006, 3, "Add User", `"group":{"uid":"r1"`},
		"a row for many names":  {"prefect.flow-run.Completed", documents["no target"], 0, 99, "Completed", `"type_name":"Base Event: Other"`},
		"login of nobody":       {"prefect-cloud.user.logged-in", "", 0, 99, "Logon", `"class_name":"Base Event"`},
		"user without target":   {"prefect-cloud.user.created", documents["no target"], 3001, 1, "Create", `"user":{"uid":"r1"`},
		"denied from nowhere":   {"prefect-cloud.request.access-denied.ip-allowlist", "", 6003, 99, "Denied", `"src_endpoint":{"name":"unknown"}`},
		"denied POST":           {"prefect-cloud.request.access-denied.ip-allowlist", documents["whole"], 6003, 1, "Create", `"operation":"POST /api/x"`},
		"entity without a name": {"prefect-cloud.api-key.created", "", 3004, 1, "Create", `"entity":{"name":"API Key"`},
		"actor of a base event": {"prefect-cloud.webhook.received", documents["no target"], 0, 99, "Received", `"profiles":["host"]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			entry, _ := catalog.Lookup(tt.action)
			line := encoded(t, "ocsf", eventOf(tt.action, tt.document, entry), event.Delivery{})
			var got struct {
				Class    int64  `json:"class_uid"`
				Activity int64  `json:"activity_id"`
				Name     string `json:"activity_name"`
			}
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			if got.Class != tt.class || got.Activity != tt.activity || got.Name != tt.activityName {
				t.Errorf("got %d/%d %s, want %d/%d %s", got.Class, got.Activity, got.Name, tt.class, tt.activity, tt.activityName)
			}
			if !strings.Contains(line, tt.needle) {
				t.Errorf("there is no %s in %s", tt.needle, line)
			}
		})
	}
}

// Names that mean the same, and very many of them, are kept apart.
func TestOCSFKeepsNamesApart(t *testing.T) {
	schema := loadOCSF(t)
	many := `"payload":1,"workspace":2,"a":{"b":3},"a.b":4,"a\u002eb":5,"prefect":{"payload":6,"workspace":{"id":"w"}}`
	for i := range 5000 {
		many += fmt.Sprintf(`,"m%d":"v%d"`, i%1000, i)
	}
	entry, _ := catalog.Lookup("my.own")
	line := encoded(t, "ocsf", eventOf("my.own", many, entry), event.Delivery{Number: 1})
	if problems := schema.validate([]byte(line)); len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	for _, want := range []string{`"payload":6`, `"payload_":1`, `"workspace_":2`, `"a":{"b":3}`, `"a.b":4`, `"a\u002eb_":5`, `{"name":"m999","value":"v4999"}`, `{"name":"shiplog","value":{"source":"cloud","delivery":1}}`} {
		if !strings.Contains(line, want) {
			t.Errorf("there is no %s", want)
		}
	}
}

// The validator itself: each change makes a valid event invalid.
func TestOCSFValidatorSeesMistakes(t *testing.T) {
	schema := loadOCSF(t)
	entry, _ := catalog.Lookup("prefect-cloud.user.created")
	valid := encoded(t, "ocsf", eventOf("prefect-cloud.user.created", documents["whole"], entry), event.Delivery{})
	tests := map[string]struct{ from, to, problem string }{
		"required":     {`"severity_id":3,`, ``, ".severity_id: is required"},
		"enum":         {`"severity_id":3,`, `"severity_id":33,`, "not in the enum"},
		"caption":      {`"severity":"Medium"`, `"severity":"medium"`, `instead of "Medium"`},
		"type":         {`"time":1793607085568`, `"time":"now"`, "no whole number"},
		"attribute":    {`"message":`, `"massage":`, "is no attribute"},
		"profile":      {`"message":`, `"action_id":1,"message":`, "needs one of the profiles"},
		"constraint":   {`"product":{"name":"Prefect Cloud","vendor_name":"Prefect"}`, `"product":{"vendor_name":"Prefect"}`, "at_least_one"},
		"pattern":      {`"ip":"192.0.2.1"`, `"ip":"nowhere"`, "does not fit ip_t"},
		"type_uid":     {`"type_uid":300101`, `"type_uid":300102`, "want 300101"},
		"other":        {`"activity_id":1,"activity_name":"Create"`, `"activity_id":99`, "does not say what"},
		"duplicate":    {`"message":"Ana did it"`, `"message":"Ana did it","message":"x"`, "message twice"},
		"empty":        {`"message":"Ana did it"`, `"message":""`, "is empty"},
		"version":      {`"version":"1.8.0"`, `"version":"1.7.0"`, "want 1.8.0"},
		"below object": {`"email_addr":"ana@example.com"`, `"mail":"x"`, ".actor.user.mail: is no attribute"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(valid, tt.from) {
				t.Fatalf("there is no %s in %s", tt.from, valid)
			}
			problems := schema.validate([]byte(strings.Replace(valid, tt.from, tt.to, 1)))
			if !strings.Contains(strings.Join(problems, "\n"), tt.problem) {
				t.Errorf("got %q, want %q", problems, tt.problem)
			}
		})
	}
}
