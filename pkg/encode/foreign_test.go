package encode_test

import (
	"encoding/json"
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
)

// Events of other products are classified by what they say in ECS, and are not
// passed off as Prefect's.
func TestForeignEvents(t *testing.T) {
	tests := map[string]struct {
		doc              string
		typeUID          int64
		product          string
		model, cimAction string
	}{
		"login":         {`"category":["authentication"],"type":["start"],"provider":"okta"},"user":{"name":"eve"}`, 300201, "okta", "Authentication", "failure"},
		"logout":        {`"category":["authentication"],"type":["end"],"module":"okta"},"user":{"name":"eve"}`, 300202, "okta", "Change", "logoff"},
		"user made":     {`"category":["iam"],"type":["user","creation"]},"user":{"name":"eve","target":{"name":"tom"}}`, 300101, "unknown", "Change", "created"},
		"group changed": {`"category":["iam"],"type":["group","change"]},"group":{"name":"ops"}`, 300699, "unknown", "Change", "updated"},
		"setting gone":  {`"category":["configuration"],"type":["deletion"]},"observer":{"vendor":"Acme","product":"Wall"}`, 300404, "Wall", "Change", "deleted"},
		"file read":     {`"category":["file"],"type":["access"]}`, 99, "unknown", "", "some-action"},
		"no person":     {`"category":["authentication"],"type":["start"]}`, 99, "unknown", "Authentication", "failure"},
	}
	schema := loadOCSF(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := &event.Event{
				Envelope: event.Envelope{ID: "1", Action: "some-action", Outcome: event.Failure, Severity: event.Low},
				Doc:      []byte(`{"event":{"original":"{}",` + tt.doc + `,"shiplog":{"source":"x"}}`),
			}
			line := encoded(t, "ocsf", e, event.Delivery{})
			if problems := schema.validate([]byte(line)); len(problems) > 0 {
				t.Errorf("%q\n%s", problems, line)
			}
			var ocsf struct {
				TypeUID  int64 `json:"type_uid"`
				Metadata struct {
					Product struct{ Name string }
				}
			}
			if err := json.Unmarshal([]byte(line), &ocsf); err != nil {
				t.Fatal(err)
			}
			if ocsf.TypeUID != tt.typeUID || ocsf.Metadata.Product.Name != tt.product {
				t.Errorf("OCSF is %d of %q, want %d of %q", ocsf.TypeUID, ocsf.Metadata.Product.Name, tt.typeUID, tt.product)
			}
			var cim struct {
				Model   string `json:"cim_model"`
				Action  string `json:"action"`
				Product string `json:"vendor_product"`
			}
			if err := json.Unmarshal([]byte(encoded(t, "cim", e, event.Delivery{})), &cim); err != nil {
				t.Fatal(err)
			}
			if cim.Model != tt.model || cim.Action != tt.cimAction || cim.Product != tt.product {
				t.Errorf("CIM is %+v, want %s, %s of %s", cim, tt.model, tt.cimAction, tt.product)
			}
		})
	}
}
