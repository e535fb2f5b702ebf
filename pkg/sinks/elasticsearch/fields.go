package elasticsearch

import "strings"

// fields are the mappings of every field that the catalogue can emit, by type.
// The types are those of ECS 9.4 (Apache-2.0), except that data_stream.* are
// plain keywords, which every server has; prefect.* and shiplog.* are our own.
// What is not here is mapped by dynamicTemplates.
//
// longText is match_only_text where the server has it. A flattened object
// takes any content without new mappings.
const (
	longText  = "match_only_text"
	flattened = "flattened"
	opaque    = "opaque" // no type: kept in _source, not searchable
)

func fields() map[string]string {
	return map[string]string{
		"date": `@timestamp event.created event.ingested event.start event.end prefect.received prefect.occurred`,
		"long": `event.severity event.sequence event.duration source.port client.port source.as.number client.as.number
			http.request.bytes http.response.status_code http.response.bytes shiplog.delivery shiplog.first shiplog.last shiplog.count shiplog.offset`,
		"float":     `event.risk_score`,
		"boolean":   `shiplog.replayed shiplog.late prefect.mapped`,
		"ip":        `source.ip client.ip related.ip host.ip observer.ip`,
		"geo_point": `source.geo.location client.geo.location`,
		longText:    `message error.message`,
		"wildcard":  `url.path url.full url.original`,
		flattened:   `prefect.payload prefect.related prefect.resource.labels prefect.extra shiplog.record shiplog.upstream shiplog.attributes`,
		"keyword": `ecs.version tags
			event.id event.kind event.category event.type event.action event.outcome event.code event.dataset event.module
			event.provider event.hash event.reason event.reference event.url event.timezone
			user.id user.name user.email user.full_name user.roles user.domain user.hash user.group.id user.group.name
			user.target.id user.target.name user.target.email user.target.full_name user.target.domain user.target.roles
			user.target.group.id user.target.group.name
			user.changes.id user.changes.name user.changes.email user.changes.full_name user.changes.roles user.changes.group.id user.changes.group.name
			user.effective.id user.effective.name user.effective.email
			group.id group.name organization.id organization.name
			source.address source.domain source.geo.country_iso_code source.geo.country_name source.geo.city_name source.geo.region_name
			source.geo.region_iso_code source.geo.continent_code source.geo.continent_name source.geo.timezone source.as.organization.name
			client.address client.domain client.geo.country_iso_code client.geo.country_name client.geo.city_name client.geo.region_name
			client.as.organization.name
			user_agent.original user_agent.name user_agent.version
			http.request.method http.request.id url.domain url.scheme url.query
			cloud.provider cloud.account.id service.name service.type
			orchestrator.type orchestrator.namespace orchestrator.resource.id orchestrator.resource.name orchestrator.resource.type
			observer.vendor observer.product observer.type observer.name rule.id rule.name rule.category rule.ruleset
			related.user related.hosts related.hash host.name
			agent.id agent.name agent.type agent.version agent.ephemeral_id
			data_stream.type data_stream.dataset data_stream.namespace
			error.code error.type threat.technique.id
			prefect.action prefect.follows prefect.resource.type prefect.resource.id prefect.resource.name prefect.resource.role
			prefect.actor.type prefect.actor.role prefect.actor.id prefect.actor.name prefect.actor.handle prefect.account.id prefect.account.name
			prefect.account.handle prefect.workspace.id prefect.workspace.name prefect.workspace.handle prefect.incident.field
			shiplog.source shiplog.origin shiplog.sink shiplog.reason shiplog.segment shiplog.journal`,
	}
}

// longest is how many bytes of a keyword are indexed, as in ECS's own
// templates. Longer values stay in _source.
const longest = 1024

type object = map[string]any

// mapping returns the mapping of one field of that type. A bad address or date
// must not cost the event: it is left out of the index and stays in _source.
func mapping(name, kind string) object {
	switch kind {
	case "keyword", flattened:
		return object{"type": kind, "ignore_above": longest}
	case "ip", "geo_point", "long":
		return object{"type": kind, "ignore_malformed": true}
	case "date":
		if name == "@timestamp" { // without it an event has no place
			return object{"type": kind}
		}
		return object{"type": kind, "ignore_malformed": true}
	case opaque:
		return object{"type": "object", "enabled": false}
	default:
		return object{"type": kind}
	}
}

// properties builds the tree of mappings with the types that the server has.
func properties(sub map[string]string) object {
	root := object{"event": object{"properties": object{
		// As ECS has it: kept, not indexed, whatever its length.
		"original": object{"type": "keyword", "index": false, "doc_values": false},
	}}}
	for kind, names := range fields() {
		for other, ok := sub[kind]; ok; other, ok = sub[kind] {
			kind = other
		}
		for _, name := range strings.Fields(names) {
			at := root
			parts := strings.Split(name, ".")
			for _, part := range parts[:len(parts)-1] {
				at = child(at, part)
			}
			at[parts[len(parts)-1]] = mapping(name, kind)
		}
	}
	return root
}

// child returns the properties of a named object, making them if need be.
func child(at object, name string) object {
	if next, ok := at[name].(object); ok {
		if inner, ok := next["properties"].(object); ok {
			return inner
		}
	}
	inner := object{}
	at[name] = object{"properties": inner}
	return inner
}

// dynamicTemplates map what fields does not name: labels are keywords, and so
// is every other text, so that no guess at a type can refuse a later event.
func dynamicTemplates() []any {
	keyword := object{"type": "keyword", "ignore_above": longest}
	return []any{
		object{"labels": object{"path_match": "labels.*", "mapping": keyword}},
		object{"texts": object{"match_mapping_type": "string", "mapping": keyword}},
	}
}
