package normalize

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
)

// A plan is what all events of one name have in common, worked out once.
type plan struct {
	entry  *catalog.Entry
	match  catalog.Match
	action string
	kind   string // resource type by the name
	verb   string

	// constant is ,"kind":…,"provider":… as it stands in every document.
	constant  string
	severity  event.Severity // that constant has
	allowlist string         // constant for when the IP allowlist is switched
	team      string         // constant for when it was done to a team instead of a user; empty: as constant
	service   string         // ,"service":…,"observer":… likewise
	failed    bool           // it went wrong; a denial did not
	phrase    []piece
	toPlace   bool // the place follows directly: the phrase ends with a preposition, or is a verb alone
}

// piece is a part of a message: text, or the name of what stands there.
type piece struct {
	text string
	hole string // resource, target or group; empty: none
}

// Somebody may send ever new names, and long ones: these bound what is kept.
// Prefect's own names have less than a hundred bytes.
const (
	maxPlans    = 4096
	maxPlanName = 256
)

// plan gives the plan of an action, which is written as in JSON.
func (n *Normalizer) plan(action text) *plan {
	if p := n.plans[string(action)]; p != nil {
		return p
	}
	p := newPlan(string(action.appendPlain(nil)), string(action))
	if len(action) > maxPlanName {
		return p
	}
	if len(n.plans) >= maxPlans {
		clear(n.plans)
	}
	n.plans[string(action)] = p
	return p
}

func newPlan(action, written string) *plan {
	e, m := catalog.Lookup(action)
	p := &plan{entry: e, match: m, action: action, severity: e.Severity}
	p.kind, p.verb = catalog.Split(action)
	p.failed = e.Outcome == event.Failure && !slices.Contains(e.ECS.Type, "denied")
	p.constant = constant(e, written, e.Severity)
	p.service = `,"service":{"name":"prefect","type":"prefect"},"observer":{"vendor":"Prefect","product":"Prefect"}`
	if strings.HasPrefix(action, "prefect-cloud.") {
		p.service = `,"service":{"name":"prefect-cloud","type":"prefect"},"observer":{"vendor":"Prefect","product":"Prefect Cloud"}`
	}
	p.allowlist = constant(e, written, max(e.Severity, event.High))
	if e.Target == catalog.Grantee {
		team := *e
		team.ECS.Type = slices.Clone(e.ECS.Type)
		if i := slices.Index(team.ECS.Type, "user"); i >= 0 {
			team.ECS.Type[i] = "group"
		}
		p.team = constant(&team, written, e.Severity)
	}
	for rest := e.Message; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		if before != "" {
			p.phrase = append(p.phrase, piece{text: before})
		}
		if found {
			before, after, _ = strings.Cut(after, "}")
			p.phrase = append(p.phrase, piece{hole: before})
		}
		rest = after
	}
	p.toPlace = e.Message != "" && !strings.Contains(e.Message, " ")
	for _, word := range [...]string{" to", " of", " in", " from", " into"} {
		p.toPlace = p.toPlace || strings.HasSuffix(e.Message, word)
	}
	return p
}

func constant(e *catalog.Entry, action string, severity event.Severity) string {
	provider := "prefect"
	if strings.HasPrefix(action, "prefect-cloud.") {
		provider = "prefect-cloud"
	}
	return constantOf(e, action, severity, e.Outcome, "prefect") + `,"provider":"` + provider + `"`
}

func constantOf(e *catalog.Entry, action string, severity event.Severity, outcome event.Outcome, module string) string {
	var b strings.Builder
	b.WriteString(`,"kind":"event"`)
	list(&b, "category", e.ECS.Category)
	list(&b, "type", e.ECS.Type)
	b.WriteString(`,"action":"` + action + `"`)
	if outcome != event.NoOutcome {
		b.WriteString(`,"outcome":"` + outcome.String() + `"`)
	}
	b.WriteString(`,"severity":` + strconv.Itoa(int(severity)))
	b.WriteString(`,"module":"` + module + `","dataset":"` + module + `.audit"`)
	return b.String()
}

func list(b *strings.Builder, name string, words []string) {
	if len(words) > 0 {
		b.WriteString(`,"` + name + `":["` + strings.Join(words, `","`) + `"]`)
	}
}
