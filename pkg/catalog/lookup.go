package catalog

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/shiplog/shiplog/pkg/event"
)

// Match tells how an entry was found.
type Match uint8

// The matches, the surest first.
const (
	Exact     Match = iota // by its name
	Renamed                // by its name, once older words and capitals were replaced
	Pattern                // by a row with a star
	KnownType              // the resource type is known, the verb is not
	KnownVerb              // the verb is known, the resource type is not
	Other                  // nothing is known of it
)

// String gives the match in lower case, good for a metric label.
func (m Match) String() string {
	return [...]string{"exact", "renamed", "pattern", "known_type", "known_verb", "other"}[m]
}

// Fallback reports whether the catalog does not have the event.
func (m Match) Fallback() bool { return m >= KnownType }

// Catalog is a table of entries.
type Catalog struct {
	entries  []*Entry
	exact    map[string]*Entry
	patterns []*Entry          // in the order of the table
	kinds    map[string]*Entry // resource type → one of its created, updated and deleted rows

	found sync.Map // event name → found, for names that are not in the table
	size  atomic.Int64
}

type found struct {
	entry *Entry
	match Match
}

// A stranger could send ever new names, and long ones: past these bounds they
// are looked up anew.
const (
	maxFound = 4096
	maxName  = 256
)

// Lookup finds the entry of an event by its full name in the built-in catalog.
// The entry is never nil.
func Lookup(action string) (*Entry, Match) { return Default().Lookup(action) }

// Entries returns the entries in the order of the table. They must not be
// changed.
func (c *Catalog) Entries() []*Entry { return c.entries }

// Lookup finds the entry of an event by its full name. The entry is never nil.
func (c *Catalog) Lookup(action string) (*Entry, Match) {
	if e := c.exact[action]; e != nil {
		return e, Exact
	}
	if f, ok := c.found.Load(action); ok {
		f, _ := f.(found)
		return f.entry, f.match
	}
	action = strings.Clone(action) // the entry outlives the frame or record that the name is in
	e, m := c.search(action)
	if len(action) <= maxName && c.size.Load() < maxFound {
		if _, loaded := c.found.LoadOrStore(action, found{e, m}); !loaded {
			c.size.Add(1)
		}
	}
	return e, m
}

func (c *Catalog) search(action string) (*Entry, Match) {
	name := modern(action)
	if e := c.exact[name]; e != nil {
		return e, Renamed
	}
	for _, e := range c.patterns {
		if glob(e.Event, name) {
			return e, Pattern
		}
	}
	if e := c.exact[elsewhere(name)]; e != nil {
		return e, Renamed
	}
	return c.guess(action, name)
}

// elsewhere gives the same name in the other one of Prefect's namespaces: its
// cloud and its server have many objects in common.
func elsewhere(name string) string {
	if rest, ok := strings.CutPrefix(name, "prefect-cloud."); ok {
		return "prefect." + rest
	}
	if rest, ok := strings.CutPrefix(name, "prefect."); ok {
		return "prefect-cloud." + rest
	}
	return ""
}

// modern writes a name as Prefect writes it today: lower case, account for
// organization, service-account for bot.
func modern(action string) string {
	name := strings.ToLower(action)
	for _, r := range [...][2]string{{"organization", "account"}, {"bot", "service-account"}} {
		rest, ok := strings.CutPrefix(name, "prefect-cloud."+r[0])
		if ok && rest != "" && (rest[0] == '.' || rest[0] == '-') {
			return "prefect-cloud." + r[1] + rest
		}
	}
	return name
}

// glob reports whether name fits a pattern in which each * stands for any text.
func glob(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	for i := len(head); i <= len(name); i++ {
		if glob(rest, name[i:]) {
			return true
		}
	}
	return false
}

// guess makes an entry for an action that the table does not have; name is how
// Prefect writes it today.
func (c *Catalog) guess(action, name string) (*Entry, Match) {
	_, reserved := cutNamespace(name)
	kind, verb := Split(name)
	e := &Entry{
		Event: name, Name: title(kind, verb), Severity: event.Info,
		Meaning: "An event that the catalog does not know.",
		OCSF:    OCSF{Activity: 99, ActivityName: activity(verb)},
	}
	if e.Name == "" || !reserved {
		e.Name = action // nothing to make a title of, or somebody's own words
	}
	if strings.Contains(verb, "denied") || strings.Contains(verb, "failed") {
		e.Outcome = event.Failure
	}
	if row := c.kinds[kind]; row != nil && reserved {
		c.guessVerb(e, row, kind, verb)
		return e, KnownType
	}
	if !strings.HasPrefix(name, "prefect-cloud.") {
		return e, Other
	}
	switch {
	case e.Outcome == event.Failure:
		e.Severity = event.Medium
		if strings.Contains(verb, "denied") {
			e.ECS = ECS{Category: []string{"api"}, Type: []string{"denied"}}
		}
	case verb == "created" || verb == "updated" || verb == "deleted":
		row := c.exact["prefect-cloud.webhook."+verb] // plain configuration
		e.ECS, e.OCSF, e.CIM = row.ECS, row.OCSF, row.CIM
		e.CIM.ObjectCategory = strings.ReplaceAll(kind, "-", "_")
		e.Outcome, e.Severity = event.Success, event.Low
		e.Message = verb + " " + words(kind) + " {resource}"
	default:
		return e, Other
	}
	return e, KnownVerb
}

// guessVerb fills e by a row of the same resource type.
func (c *Catalog) guessVerb(e, row *Entry, kind, verb string) {
	e.Severity = max(event.Low, e.Severity)
	e.ECS.Category = row.ECS.Category
	if len(row.ECS.Category) == 0 {
		e.ECS.Category = []string{"configuration"}
	}
	e.ECS.Type = []string{"info"}
	if strings.HasSuffix(verb, "ed") && e.ECS.Category[0] == "configuration" {
		e.ECS.Type = []string{"change"}
	}
	if e.Outcome == event.NoOutcome {
		e.Outcome = event.Success
	} else {
		e.Severity = event.Medium
	}
	e.OCSF.Class = row.OCSF.Class
	e.CIM = CIM{Model: "Change", Dataset: "All_Changes", Action: "modified", ObjectCategory: row.CIM.ObjectCategory, ChangeType: row.CIM.ChangeType}
	if e.CIM.ObjectCategory == "" {
		e.CIM.ObjectCategory = strings.ReplaceAll(kind, "-", "_")
	}
	e.Target = row.Target
}

// title makes a short title: work-pool, paused → Work pool paused.
func title(kind, verb string) string {
	t := words(kind + " " + verb)
	if t == "" || t[0] < 'a' || t[0] > 'z' {
		return t
	}
	return string(t[0]-'a'+'A') + t[1:]
}

// activity makes an OCSF activity name of a verb.
func activity(verb string) string {
	if verb == "" {
		return "Other"
	}
	return title("", verb)
}

func words(name string) string {
	list := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' || r == '_' || r == ' ' })
	for i, w := range list {
		switch w {
		case "ip", "api", "sso", "mfa", "id", "scim":
			list[i] = strings.ToUpper(w)
		}
	}
	return strings.Join(list, " ")
}
