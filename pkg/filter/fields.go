package filter

import (
	"slices"
	"strings"

	"github.com/shiplog/shiplog/pkg/event"
)

// A Field is a name that expressions may use.
type Field struct {
	Name string
	Type string // text, list, number; open: an object below which every name is a field
}

// Fields lists the names that expressions may use, sorted.
func Fields() []Field {
	all := make([]Field, 0, len(texts)+len(lists)+len(numbers)+len(opens))
	for kind, names := range map[kind][]string{text: texts, list: lists, number: numbers, open: opens} {
		for _, name := range names {
			all = append(all, Field{Name: name, Type: kind.String()})
		}
	}
	slices.SortFunc(all, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// A kind is what a field holds.
type kind uint8

const (
	unknown kind = iota
	text
	list
	number
	open
)

func (k kind) String() string { return [...]string{"unknown", "text", "list", "number", "open"}[k] }

// kindOf gives a field's kind; unknown where there is none of that name.
func kindOf(name string) kind {
	switch {
	case slices.Contains(texts, name):
		return text
	case slices.Contains(lists, name):
		return list
	case slices.Contains(numbers, name):
		return number
	}
	root, _, _ := strings.Cut(name, ".")
	if slices.Contains(opens, root) {
		return open
	}
	return unknown
}

// isObject is true for a name that has fields below it.
func isObject(name string) bool {
	for _, names := range [][]string{texts, lists, numbers} {
		for _, full := range names {
			if strings.HasPrefix(full, name) && len(full) > len(name) && full[len(name)] == '.' {
				return true
			}
		}
	}
	return false
}

// The fields of ECS 9.4 that the agent can write, by what they hold.
var (
	texts = []string{
		"agent.ephemeral_id", "agent.id", "agent.name", "agent.type", "agent.version",
		"client.address", "client.ip", "client.geo.city_name", "client.geo.continent_code",
		"client.geo.country_iso_code", "client.geo.country_name", "client.geo.region_iso_code", "client.geo.region_name",
		"client.as.organization.name",
		"data_stream.dataset", "data_stream.namespace", "data_stream.type",
		"destination.address", "destination.domain", "destination.ip",
		"ecs.version",
		"error.code", "error.message", "error.type",
		"event.action", "event.code", "event.created", "event.dataset", "event.hash", "event.id", "event.ingested",
		"event.kind", "event.module", "event.original", "event.outcome", "event.provider", "event.reason",
		"event.reference", "event.url",
		"group.domain", "group.id", "group.name",
		"host.hostname", "host.name",
		"http.request.id", "http.request.method", "http.request.referrer", "http.version",
		"log.file.path", "log.level",
		"message",
		"network.application", "network.protocol", "network.transport",
		"observer.hostname", "observer.name", "observer.product", "observer.type", "observer.vendor", "observer.version",
		"orchestrator.api_version", "orchestrator.cluster.id", "orchestrator.cluster.name", "orchestrator.namespace",
		"orchestrator.organization", "orchestrator.resource.id", "orchestrator.resource.name",
		"orchestrator.resource.type", "orchestrator.type",
		"organization.id", "organization.name",
		"rule.category", "rule.description", "rule.id", "rule.name", "rule.ruleset",
		"service.address", "service.environment", "service.id", "service.name", "service.type", "service.version",
		"source.address", "source.as.organization.name", "source.domain", "source.geo.city_name",
		"source.geo.continent_code", "source.geo.continent_name", "source.geo.country_iso_code",
		"source.geo.country_name", "source.geo.name", "source.geo.postal_code", "source.geo.region_iso_code",
		"source.geo.region_name", "source.geo.timezone", "source.ip",
		"url.domain", "url.full", "url.original", "url.path", "url.query", "url.scheme",
		"user.changes.domain", "user.changes.email", "user.changes.full_name", "user.changes.group.id",
		"user.changes.group.name", "user.changes.hash", "user.changes.id", "user.changes.name",
		"user.domain", "user.effective.email", "user.effective.id", "user.effective.name", "user.email",
		"user.full_name", "user.group.domain", "user.group.id", "user.group.name", "user.hash", "user.id", "user.name",
		"user.target.domain", "user.target.email", "user.target.full_name", "user.target.group.domain",
		"user.target.group.id", "user.target.group.name", "user.target.hash", "user.target.id", "user.target.name",
		"user_agent.device.name", "user_agent.name", "user_agent.original", "user_agent.os.name", "user_agent.version",
	}
	lists = []string{
		"event.category", "event.type", "related.hash", "related.hosts", "related.ip", "related.user", "tags",
		"threat.tactic.id", "threat.tactic.name", "threat.technique.id", "threat.technique.name",
		"user.changes.roles", "user.effective.roles", "user.roles", "user.target.roles",
	}
	numbers = []string{
		"client.as.number", "client.port", "event.duration", "event.risk_score", "event.sequence", "event.severity",
		"http.request.bytes", "http.response.status_code", "source.as.number", "source.port", "url.port",
	}
	opens = []string{"labels", "prefect", "shiplog"}
)

// An envelopeField is answered without reading the document.
type envelopeField struct {
	text   func(*event.Event) string
	number func(*event.Event) int
}

// envelopeFields maps a field to its place in the envelope; nil for all others.
func envelopeFields(name string) *envelopeField {
	switch name {
	case "event.id":
		return &envelopeField{text: func(e *event.Event) string { return e.ID }}
	case "event.action":
		return &envelopeField{text: func(e *event.Event) string { return e.Action }}
	case "event.outcome":
		return &envelopeField{text: func(e *event.Event) string { return e.Outcome.String() }}
	case "event.severity":
		return &envelopeField{number: func(e *event.Event) int { return int(e.Severity) }}
	case "event.sequence":
		return &envelopeField{number: func(e *event.Event) int { return int(e.Sequence) }} //nolint:gosec // a journal has fewer than 2^63 events
	case "organization.id":
		return &envelopeField{text: func(e *event.Event) string { return e.Account }}
	case "prefect.workspace.id":
		return &envelopeField{text: func(e *event.Event) string { return e.Workspace }}
	case "prefect.resource.id":
		return &envelopeField{text: func(e *event.Event) string { return e.Resource }}
	case "shiplog.source":
		return &envelopeField{text: func(e *event.Event) string { return e.Source }}
	}
	return nil
}
