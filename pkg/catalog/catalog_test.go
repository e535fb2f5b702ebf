package catalog_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
)

var update = flag.Bool("update", false, "write generated files anew")

func TestLookup(t *testing.T) {
	tests := map[string]struct {
		action   string
		match    catalog.Match
		row      string // the row that it must get; empty: a guess
		category string
		kind     string
		severity event.Severity
		outcome  event.Outcome
	}{
		"in the table":              {"prefect-cloud.api-key.created", catalog.Exact, "prefect-cloud.api-key.created", "iam", "admin creation", event.Medium, event.Success},
		"capitals":                  {"prefect-cloud.workspace.Created", catalog.Renamed, "prefect-cloud.workspace.created", "configuration", "creation", event.Low, event.Success},
		"organization":              {"prefect-cloud.organization-membership.created", catalog.Renamed, "prefect-cloud.account-membership.created", "iam", "user change", event.Medium, event.Success},
		"bot":                       {"prefect-cloud.bot.deleted", catalog.Renamed, "prefect-cloud.service-account.deleted", "iam", "user deletion", event.Medium, event.Success},
		"of the other namespace":    {"prefect-cloud.work-pool.created", catalog.Renamed, "prefect.work-pool.created", "configuration", "creation", event.Low, event.Success},
		"not a bot":                 {"prefect-cloud.botany.deleted", catalog.KnownVerb, "", "configuration", "deletion", event.Low, event.Success},
		"incident field":            {"prefect-cloud.incident.updated.severity", catalog.Pattern, "prefect-cloud.incident.updated.*", "", "", event.Info, event.Success},
		"block loaded":              {"prefect.block.aws-credentials.loaded", catalog.Pattern, "prefect.block.*.loaded", "configuration", "access", event.Low, event.Success},
		"failed login":              {"prefect-cloud.user.login-failed", catalog.Pattern, "prefect-cloud.user.log*fail*", "authentication", "info", event.Medium, event.Failure},
		"known type, new verb":      {"prefect-cloud.workspace.archived", catalog.KnownType, "", "configuration", "change", event.Low, event.Success},
		"known type, denied":        {"prefect-cloud.team.join-denied", catalog.KnownType, "", "iam", "info", event.Medium, event.Failure},
		"iam, new verb":             {"prefect-cloud.user.invited", catalog.KnownType, "", "iam", "info", event.Low, event.Success},
		"incident, new verb":        {"prefect-cloud.incident.merged", catalog.KnownType, "", "configuration", "change", event.Low, event.Success},
		"new type, known verb":      {"prefect-cloud.vault.created", catalog.KnownVerb, "", "configuration", "creation", event.Low, event.Success},
		"new type, denied":          {"prefect-cloud.access-policy.denied", catalog.KnownVerb, "", "api", "denied", event.Medium, event.Failure},
		"new type, failed":          {"prefect-cloud.vault.seal-failed", catalog.KnownVerb, "", "", "", event.Medium, event.Failure},
		"new type, new verb":        {"prefect-cloud.quantum-vault.sealed", catalog.Other, "", "", "", event.Info, event.NoOutcome},
		"custom event":              {"acme.user.created", catalog.Other, "", "", "", event.Info, event.NoOutcome},
		"no dot":                    {"x", catalog.Other, "", "", "", event.Info, event.NoOutcome},
		"empty":                     {"", catalog.Other, "", "", "", event.Info, event.NoOutcome},
		"only the namespace":        {"prefect-cloud.", catalog.Other, "", "", "", event.Info, event.NoOutcome},
		"an agent event of its own": {"shiplog.gap", catalog.Exact, "shiplog.gap", "", "", event.Critical, event.Failure},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second answer comes from the cache
				e, m := catalog.Lookup(tt.action)
				if m != tt.match {
					t.Errorf("match: got %s, want %s", m, tt.match)
				}
				if tt.row != "" && e.Event != tt.row {
					t.Errorf("row: got %s, want %s", e.Event, tt.row)
				}
				if got := strings.Join(e.ECS.Category, " "); got != tt.category {
					t.Errorf("category: got %q, want %q", got, tt.category)
				}
				if got := strings.Join(e.ECS.Type, " "); got != tt.kind {
					t.Errorf("type: got %q, want %q", got, tt.kind)
				}
				if e.Severity != tt.severity || e.Outcome != tt.outcome {
					t.Errorf("got severity %s, outcome %q; want %s, %q", e.Severity, e.Outcome, tt.severity, tt.outcome)
				}
				if e.OCSF.ActivityName == "" {
					t.Error("no activity name")
				}
			}
		})
	}
}

func TestGuessedNames(t *testing.T) {
	for action, want := range map[string]string{
		"prefect-cloud.ip-allowlist.updated": "IP allowlist updated",
		"prefect-cloud.account.sso-enabled":  "Account SSO enabled",
		"acme.thing_done":                    "acme.thing_done",
	} {
		if e, _ := catalog.Lookup(action); e.Name != want {
			t.Errorf("%s: got %q, want %q", action, e.Name, want)
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range catalog.Default().Entries() {
		if seen[e.Event] {
			t.Errorf("%s is there twice", e.Event)
		}
		seen[e.Event] = true
		if e.Name == "" || !strings.HasSuffix(e.Meaning, ".") {
			t.Errorf("%s: wants a name and a sentence: %q, %q", e.Event, e.Name, e.Meaning)
		}
		if e.Severity < event.Info || e.Severity > event.Critical {
			t.Errorf("%s: severity %d", e.Event, e.Severity)
		}
	}
	for _, kind := range strings.Fields(`account account-membership account-role account-invitation account-domain-names
		account-settings user service-account api-key team team-membership workspace workspace-role workspace-access
		workspace-invitation workspace-settings automation webhook incident support-access`) {
		for _, verb := range []string{"created", "updated", "deleted"} {
			if name := "prefect-cloud." + kind + "." + verb; !seen[name] {
				t.Errorf("%s is not in the table", name)
			}
		}
	}
}

func TestParseNamesTheLine(t *testing.T) {
	good := "event,name,ecs_category,ecs_type,outcome,severity,target,ocsf_class,ocsf_activity,ocsf_activity_name,cim_model,cim_dataset,cim_action,cim_object_category,cim_change_type,message,meaning\n"
	tests := map[string]struct{ text, want string }{
		"columns":  {"a,b\n", "line 1: the columns are"},
		"outcome":  {good + "x,X,,,maybe,low,,0,1,A,,,,,,,M.\n", `line 2: x: unknown outcome "maybe"`},
		"severity": {good + "x,X,,,,huge,,0,1,A,,,,,,,M.\n", `line 2: x: unknown severity "huge"`},
		"target":   {good + "x,X,,,,low,moon,0,1,A,,,,,,,M.\n", `line 2: x: unknown target "moon"`},
		"class":    {good + "x,X,,,,low,,A,1,A,,,,,,,M.\n", `line 2: x: strconv.Atoi`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// docs/catalog.md is the table for readers.
func TestDocumentIsCurrent(t *testing.T) {
	const path = "../../docs/catalog.md"
	var md bytes.Buffer
	md.WriteString(documentHead)
	if err := catalog.Default().WriteMarkdown(&md); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, md.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, md.Bytes()) {
		t.Error("docs/catalog.md is not what the table says: go test ./pkg/catalog -update")
	}
}

const documentHead = `# Event catalogue

How each audit event is classified. This page is generated from [catalog.csv](../pkg/catalog/catalog.csv) by
` + "`go test ./pkg/catalog -update`" + `; ` + "`agent catalog`" + ` prints the same. In a name, * stands for any text.

An event that is not in the table is never refused. Capitals and older words (organization, bot) are read as what they
are called today. A new verb of a known resource takes that resource's category; a new resource that was created, updated
or deleted is a configuration change; all else goes without a category. Such events have ` + "`prefect.mapped: false`" + `.

`

func TestRender(t *testing.T) {
	c := catalog.Default()
	var md, tab, js bytes.Buffer
	for _, err := range []error{c.WriteMarkdown(&md), c.WriteTable(&tab), c.WriteJSON(&js)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	n := len(c.Entries())
	if got := strings.Count(md.String(), "\n"); got != n+2 {
		t.Errorf("Markdown has %d lines, want %d", got, n+2)
	}
	if got := strings.Count(tab.String(), "\n"); got != n+1 {
		t.Errorf("the table has %d lines, want %d", got, n+1)
	}
	var rows []struct{ Event, Meaning string }
	if err := json.Unmarshal(js.Bytes(), &rows); err != nil || len(rows) != n {
		t.Fatalf("got %d entries in the JSON, %v, want %d", len(rows), err, n)
	}
	for _, row := range rows {
		if row.Event == "" || row.Meaning == "" {
			t.Errorf("got %+v", row)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, action := range []string{"prefect-cloud.api-key.created", "prefect-cloud.user.invited"} {
		b.Run(action, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				catalog.Lookup(action)
			}
		})
	}
}

// A name lies in the memory of a frame or a record, which is used again.
func TestLookupKeepsNothingOfTheName(t *testing.T) {
	const action = "prefect-cloud.quantum-gate.opened"
	memory := []byte(action)
	c := catalog.Default()
	c.Lookup(unsafe.String(&memory[0], len(memory)))
	for i := range memory {
		memory[i] = 'x'
	}
	e, _ := c.Lookup(action)
	if e.Event != action || strings.Contains(e.Name, "x") {
		t.Errorf("got entry %q named %q, want %q", e.Event, e.Name, action)
	}
}
