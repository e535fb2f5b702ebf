package normalize_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// told is what happened, in the few words that detections look at.
type told struct {
	at      time.Duration // since the first
	id      string        // empty: one of its own
	action  string        // without prefect-cloud.
	actor   string
	kind    string // of the actor
	ip      string
	payload string // members
	member  bool
}

func (e told) raw(i int) string {
	id := e.id
	if id == "" {
		id = fmt.Sprintf("id-%d", i)
	}
	kind := e.kind
	if kind == "" {
		kind = "user"
	}
	payload := e.payload
	if e.ip != "" {
		payload = strings.Trim(`"ip":"`+e.ip+`",`+payload, ",")
	}
	related := ""
	if e.member {
		related = `,{"prefect.resource.role":"member","prefect.resource.id":"prefect-cloud.actor.m","prefect.resource.name":"Bo"}`
	}
	event, _ := strings.CutPrefix("prefect-cloud."+e.action, "prefect-cloud./")
	return `{"id":"` + id + `","event":"` + event + `","occurred":"` + readAt.Add(e.at).Format(time.RFC3339) + `",` +
		`"resource":{"prefect.resource.id":"prefect-cloud.thing.1"},"account":"acc","payload":{` + payload + `},` +
		`"related":[{"prefect.resource.role":"actor","prefect.resource.id":"prefect-cloud.` + kind + `.` + e.actor + `"}` + related + `]}`
}

// detections runs events through a detect processor, and gives what fired on
// the last one.
func detections(t *testing.T, yaml string, events ...told) []string {
	t.Helper()
	n := newNormalizer(t, normalize.Options{Processors: processors(t, yaml), Failed: func(kind string) { t.Errorf("%s failed", kind) }})
	var fired []string
	for i, one := range events {
		raw := one.raw(i)
		e, _, v, reason, err := n.Normalize(&event.Record{Raw: []byte(raw)}, readAt.Add(hour+one.at), nil)
		if v != normalize.Keep {
			t.Fatalf("%s: got %d %s %v", raw, v, reason, err)
		}
		doc := checkFrame(t, &e, []byte(raw))
		for _, wrong := range readSchema(t).check(doc) {
			t.Error(wrong)
		}
		fired = nil
		tags, _ := at(doc, "tags").([]any)
		for _, tag := range tags {
			if id, ok := strings.CutPrefix(fmt.Sprint(tag), "shiplog.detection."); ok {
				fired = append(fired, id)
			}
		}
		if marked := at(doc, "rule.id") != nil; marked != (len(fired) > 0) || marked != slices.Contains(tags, any("shiplog.detection")) {
			t.Errorf("rule.id and tags do not agree: %s", e.Doc)
		}
	}
	return fired
}

const hour = time.Hour

func repeated(n int, every time.Duration, e told) []told {
	all := make([]told, n)
	for i := range all {
		all[i] = e
		all[i].at += time.Duration(i) * every
	}
	return all
}

func TestDetections(t *testing.T) {
	const now = `[{detect: {learn: 0s}}]`
	const learned = `[{detect: {}}]`
	denied := told{action: "request.access-denied.ip-allowlist", ip: "192.0.2.1"}
	bot := told{action: "workspace.updated", actor: "b", kind: "service-account", ip: "192.0.2.1"}
	day := append([]told{bot}, repeated(5, 6*hour, told{action: "api-key.created", actor: "a"})...)
	wrong := []told{{at: -20 * 365 * 24 * hour, action: "user.logged-in", actor: "a"}, {action: "api-key.created", actor: "a"}}
	tests := map[string]struct {
		yaml   string
		events []told
		want   []string
	}{
		"an ordinary change":            {now, []told{{action: "workspace.updated", actor: "a"}}, nil},
		"workspace deleted":             {now, []told{{action: "workspace.deleted", actor: "a"}}, []string{"workspace-deleted"}},
		"workspace given away":          {now, []told{{action: "workspace.transferred-out", actor: "a"}}, []string{"workspace-deleted"}},
		"support let in":                {now, []told{{action: "support-access.created", actor: "a"}}, []string{"support-access-granted"}},
		"support sent away":             {now, []told{{action: "support-access.deleted", actor: "a"}}, nil},
		"domain changed":                {now, []told{{action: "account-domain-names.updated", actor: "a"}}, []string{"domain-changed"}},
		"role changed":                  {now, []told{{action: "account-role.updated", actor: "a"}}, []string{"role-changed"}},
		"IP allowlist switched":         {now, []told{{action: "account-settings.updated", actor: "a", payload: `"updates":{"enforce_ip_allowlist":{"to":false}}`}}, []string{"ip-allowlist-changed"}},
		"single sign-on switched":       {now, []told{{action: "account-settings.updated", actor: "a", payload: `"updates":{"sso_enabled":{"to":false}}`}}, []string{"sso-changed"}},
		"other settings":                {now, []told{{action: "account-settings.updated", actor: "a", payload: `"updates":{"name":{"to":"x"}}`}}, nil},
		"gap, from another agent":       {now, []told{{action: "/shiplog.gap", actor: "a"}}, []string{"audit-trail-gap"}},
		"admin by update":               {now, []told{{action: "account-membership.updated", actor: "a", member: true, payload: `"updates":{"account_role_name":{"from":"Member","to":"Admin"}}`}}, []string{"account-admin-added"}},
		"owner by invitation":           {now, []told{{action: "account-invitation.created", actor: "a", payload: `"email":"x@example.com","role":"Owner"`}}, []string{"account-admin-added"}},
		"service account as admin":      {now, []told{{action: "service-account.created", actor: "a", payload: `"account_role_name":"Admin"`}}, []string{"account-admin-added"}},
		"an owner leaves":               {now, []told{{action: "account-membership.deleted", actor: "a", member: true, payload: `"account_role":"Owner"`}}, nil},
		"member by invitation":          {now, []told{{action: "account-invitation.created", actor: "a", payload: `"email":"x@example.com","role":"Member"`}}, nil},
		"power over a workspace":        {now, []told{{action: "workspace-access.created", actor: "a", member: true, payload: `"role":"Developer"`}}, []string{"privilege-granted"}},
		"a look at a workspace":         {now, []told{{action: "workspace-access.created", actor: "a", member: true, payload: `"role":"Viewer"`}}, nil},
		"first key of somebody":         {now, []told{{action: "api-key.created", actor: "a"}}, []string{"api-key-new-actor"}},
		"second key of somebody":        {now, []told{{action: "api-key.created", actor: "a"}, {action: "api-key.created", actor: "a"}}, nil},
		"the same key, read again":      {now, []told{{id: "x", action: "api-key.created", actor: "a"}, {id: "x", action: "api-key.created", actor: "a"}}, []string{"api-key-new-actor"}},
		"key from a new network":        {now, []told{{action: "api-key.created", actor: "a", ip: "192.0.2.1"}, {action: "api-key.created", actor: "a", ip: "198.51.100.1"}}, []string{"api-key-new-network"}},
		"key from the same network":     {now, []told{{action: "api-key.created", actor: "a", ip: "192.0.2.1"}, {action: "api-key.created", actor: "a", ip: "192.0.2.99"}}, nil},
		"while it learns":               {learned, []told{{action: "api-key.created", actor: "a"}, {at: 23 * hour, action: "api-key.created", actor: "b"}}, nil},
		"when it has learnt":            {learned, append(day[:6:6], told{at: 24 * hour, action: "api-key.created", actor: "b"}), []string{"api-key-new-actor"}},
		"a clock that was wrong once":   {learned, append(wrong[:2:2], told{at: hour, action: "api-key.created", actor: "b"}), nil},
		"service account moves":         {learned, append(day[:6:6], told{at: 25 * hour, action: "workspace.updated", actor: "b", kind: "service-account", ip: "2001:db8::1"}), []string{"service-account-elsewhere"}},
		"service account stays":         {learned, append(day[:6:6], told{at: 25 * hour, action: "workspace.updated", actor: "b", kind: "service-account", ip: "192.0.2.200"}), nil},
		"nine denials":                  {now, repeated(9, time.Second, denied), nil},
		"ten denials":                   {now, repeated(10, time.Second, denied), []string{"denied-access-burst"}},
		"ten denials, slowly":           {now, repeated(10, time.Minute, denied), nil},
		"eleven tell it once":           {now, repeated(11, time.Second, denied), nil},
		"five denials, each read twice": {now, append(repeated(5, time.Second, denied), sameIDs(repeated(5, time.Second, denied))...), nil},
		"only those that are enabled":   {`[{detect: {learn: 0s, enable: [role-changed]}}]`, []told{{action: "workspace.deleted", actor: "a"}}, nil},
		"not those that are disabled":   {`[{detect: {learn: 0s, disable: [workspace-deleted]}}]`, []told{{action: "workspace.deleted", actor: "a"}}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := detections(t, tt.yaml, tt.events...); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	for _, d := range normalize.Detections() { // every one is seen to fire
		fires := false
		for _, tt := range tests {
			fires = fires || slices.Contains(tt.want, d.ID)
		}
		if !fires {
			t.Errorf("no row lets %s fire", d.ID)
		}
	}
}

func sameIDs(events []told) []told {
	for i := range events {
		events[i].id = fmt.Sprintf("id-%d", i)
	}
	return events
}

// The gravest detection is the rule, its severity the event's; the tags name all,
// beside those that were there.
func TestDetectionMarksTheEvent(t *testing.T) {
	_, doc := processed(t, `[{set: {tags: [mine]}}, {detect: {learn: 0s}}]`,
		told{action: "api-key.created", actor: "a", ip: "192.0.2.1"}.raw(0))
	expect(t, doc, map[string]string{
		"rule.id": `"api-key-new-actor"`, "rule.ruleset": `"shiplog"`, "rule.category": `"persistence"`,
		"event.severity": "4", "event.kind": `"event"`,
		"tags": quoteList("mine", "shiplog.detection", "shiplog.detection.api-key-new-actor", "shiplog.detection.api-key-new-network"),
	})
}

// Normalizers of one source share the processors, and run at once.
func TestDetectionsTellItOnceFromManyGoroutines(t *testing.T) {
	p := processors(t, `[{detect: {learn: 0s}}]`)
	var fired atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		n := newNormalizer(t, normalize.Options{Processors: p})
		wg.Go(func() {
			for i := range 20 {
				raw := told{at: time.Duration(i) * time.Second, action: "request.access-denied.ip-allowlist", ip: "192.0.2.1"}.raw(i)
				e, _, _, _, _ := n.Normalize(&event.Record{Raw: []byte(raw)}, readAt.Add(hour), nil)
				if strings.Contains(string(e.Doc), "denied-access-burst") {
					fired.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := fired.Load(); got < 1 || got > 8 { // on one event, which each may have read
		t.Errorf("20 events, each read 8 times, are told as %d bursts", got)
	}
}

func TestDetectionTableIsSound(t *testing.T) {
	names := regexp.MustCompile(`^[a-z][a-z-]+$`)
	seen := map[string]bool{}
	for _, d := range normalize.Detections() {
		if !names.MatchString(d.ID) || seen[d.ID] || d.Name == "" || d.Category == "" || len(d.Actions) == 0 {
			t.Errorf("detection %q lacks something, or is there twice", d.ID)
		}
		seen[d.ID] = true
		if !slices.Contains([]string{"medium", "high", "critical"}, d.Severity) {
			t.Errorf("%s: severity %q", d.ID, d.Severity)
		}
		if d.First != nil && d.Count != nil {
			t.Errorf("%s has two memories", d.ID)
		}
	}
}

func BenchmarkDetect(b *testing.B) {
	n := newNormalizer(b, normalize.Options{Processors: processors(b, `[{detect: {}}]`)})
	raw := []byte(loginOfAna)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		_, buf, _, _, _ = n.Normalize(&event.Record{Raw: raw}, readAt, buf[:0])
	}
}

// The page for users lists the detections as they are.
func TestDetectionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/processors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range normalize.Detections() {
		remembers := ""
		if d.First != nil || d.Count != nil {
			remembers = "yes"
		}
		row := fmt.Sprintf("| `%s` | %s | %s | %s |\n", d.ID, d.Name, d.Severity, remembers)
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/processors.md lacks the row %s", row)
		}
	}
}
