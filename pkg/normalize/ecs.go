package normalize

import (
	"bytes"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// ecsVersion is the version of the field list that documents are written by.
const ecsVersion = "9.4.0"

// maxFlat is how deep a payload may be nested in a document: Elasticsearch
// refuses a flattened field past 20 levels. What is deeper is kept as text.
const maxFlat = 18

// times are the moments of an event.
type times struct {
	occurred, received, created time.Time
	noOccurred, noReceived      bool // the record has none that can be read
}

// places works out the account and the workspace: the record's own words, then
// the related resources, then the resource itself, then what is known of the
// feed.
func (f *fields) places(scope *event.Scope, b []byte) (p places, grown []byte) {
	p = places{account: f.account, workspace: f.workspace}
	kind := f.resource.kind()
	if r := f.byRole("account", "organization"); r != nil {
		name(&p.account, &p.accountName, r)
	}
	if k := string(kind); k == "account" || k == "organization" {
		name(&p.account, &p.accountName, &f.resource)
	}
	if r := f.byRole("workspace"); r != nil {
		name(&p.workspace, &p.workspaceName, r)
	}
	if string(kind) == "workspace" {
		name(&p.workspace, &p.workspaceName, &f.resource)
	}
	p.wide = string(kind) == "workspace" || bytes.HasPrefix(kind, []byte("account"))
	if scope != nil {
		if len(p.account) == 0 {
			b, p.account = quoteInto(b, scope.Account)
		}
		if len(p.workspace) == 0 {
			b, p.workspace = quoteInto(b, scope.Workspace)
		}
	}
	return p, b
}

// name takes the id of a place from r unless it is known, and its name if it is
// the same.
func name(id, name *text, r *resource) {
	if len(*id) == 0 {
		*id = r.bare()
	}
	if len(*name) == 0 && bytes.Equal(*id, r.bare()) {
		*name = either(r.name, r.handle)
	}
}

func quoteInto(b []byte, s string) (grown []byte, t text) {
	if s == "" {
		return b, nil
	}
	mark := len(b)
	b = event.AppendQuoted(b, s)
	return b, text(b[mark+1 : len(b)-1 : len(b)-1])
}

// write writes what follows event.hash and precedes shiplog. It leaves out
// data_stream.*, which only the destination knows and Elasticsearch sets itself,
// and event.ingested, which is the store's.
func (d *doc) write(f *fields, p *plan, who *people, place *places, at *times, id text, created []byte) {
	d.text(`"id":`, id)
	switch {
	case f.details.allowlist:
		d.b = append(d.b, p.allowlist...)
	case p.team != "" && who.user == nil && who.group != nil:
		d.b = append(d.b, p.team...)
	default:
		d.b = append(d.b, p.constant...)
	}
	d.raw(`"created":`, created)
	d.text(`"reason":`, f.details.reason)
	d.b = append(d.b, `},"@timestamp":"`...)
	if at.noOccurred {
		d.b = appendTime(d.b, at.occurred)
	} else {
		d.b = appendSameTime(d.b, at.occurred, f.occurred)
	}
	d.b = append(d.b, `","ecs":{"version":"`+ecsVersion+`"}`...)
	d.message(p, who, f, place)
	d.user(who, f)
	d.named(`,"group":{`, who.group)
	d.organization(place)
	d.origin(&f.details)
	d.related(f, who)
	d.orchestrator(place)
	d.b = append(d.b, p.service...)
	d.failure(&f.details, p.failed)
	d.prefect(f, p, who, place, at)
}

// failure writes error.message: what the payload calls the error, or the reason
// for something that went wrong.
func (d *doc) failure(of *details, failed bool) {
	message := of.failure
	if len(message) == 0 && failed {
		message = of.reason
	}
	const head = `,"error":{`
	mark := d.open(head)
	d.text(`"message":`, message)
	d.close(mark, head)
}

// named writes an object of id and name.
func (d *doc) named(head string, r *resource) {
	if r == nil {
		return
	}
	mark := d.open(head)
	d.text(`"id":`, r.bare())
	d.text(`"name":`, r.name)
	d.close(mark, head)
}

func (d *doc) organization(p *places) {
	const head = `,"organization":{`
	mark := d.open(head)
	d.text(`"id":`, p.account)
	d.text(`"name":`, p.accountName)
	d.close(mark, head)
}

func (d *doc) orchestrator(p *places) {
	if len(p.workspace) == 0 {
		return
	}
	d.b = append(d.b, `,"orchestrator":{"type":"prefect"`...)
	d.text(`"namespace":`, either(p.workspaceName, p.workspace))
	d.b = append(d.b, '}')
}

// origin writes where the request came from and what it was: source, client,
// user_agent, http and url. The address goes into the ip fields only where it
// is one, for Elasticsearch refuses the whole document otherwise.
func (d *doc) origin(of *details) {
	of.request()
	if len(of.address) > 0 {
		d.b = append(d.b, `,"source":{`...)
		inside := len(d.b)
		if ip, ok := parseAddress(of.address); ok {
			d.b = append(d.b, `"ip":"`...)
			start := len(d.b)
			d.b = ip.AppendTo(d.b)
			of.ip = text(d.b[start:len(d.b):len(d.b)])
			d.b = append(d.b, '"')
		}
		d.text(`"address":`, of.address)
		d.b = append(d.b, '}')
		end := len(d.b)
		d.b = append(d.b, `,"client":{`...)
		d.b = append(d.b, d.b[inside:end]...)
	}
	if len(of.agent) > 0 {
		d.b = append(d.b, `,"user_agent":{`...)
		d.text(`"original":`, of.agent)
		d.b = append(d.b, '}')
	}
	if len(of.method) > 0 || len(of.status) > 0 {
		d.b = append(d.b, `,"http":{`...)
		if len(of.method) > 0 {
			d.b = append(d.b, `"request":{`...)
			d.text(`"method":`, of.method)
			d.b = append(d.b, '}')
		}
		if len(of.status) > 0 {
			d.comma()
			d.b = append(d.b, `"response":{`...)
			d.raw(`"status_code":`, of.status)
			d.b = append(d.b, '}')
		}
		d.b = append(d.b, '}')
	}
	if len(of.path) > 0 {
		d.b = append(d.b, `,"url":{`...)
		d.text(`"path":`, of.path)
		d.b = append(d.b, '}')
	}
}

// related writes related.*: everything to pivot on, each once.
func (d *doc) related(f *fields, who *people) {
	const head, users = `,"related":{`, `"user":[`
	mark := d.open(head)
	list := d.open(users)
	if who.actor != nil {
		d.everybody(list, who.actor)
	}
	if who.user != nil && who.user != who.actor {
		d.everybody(list, who.user)
	}
	d.once(list, who.name)
	d.once(list, who.email)
	switch string(f.resource.kind()) {
	case "user", "service-account":
		d.everybody(list, &f.resource)
	}
	for i := range f.related {
		r := &f.related[i]
		if r == who.actor || r == who.user {
			continue
		}
		switch string(r.kind()) {
		case "actor", "user", "service-account":
			d.everybody(list, r)
		}
	}
	newName, newEmail := who.renamed(&f.details)
	d.once(list, newName)
	d.once(list, newEmail)
	if len(d.b) == list {
		d.b = d.b[:list-len(users)]
	} else {
		d.b = append(d.b, ']')
	}
	d.listOf(`"ip":["`, f.details.ip)
	d.listOf(`"hosts":["`, f.details.host)
	d.close(mark, head)
}

// listOf writes a list of one text, unless it is empty.
func (d *doc) listOf(key string, t text) {
	if len(t) == 0 {
		return
	}
	d.comma()
	d.b = append(d.b, key...)
	d.b = append(d.b, t...)
	d.b = append(d.b, '"', ']')
}

func (d *doc) everybody(list int, r *resource) {
	d.once(list, r.bare())
	d.once(list, r.handle)
	d.once(list, r.name)
	d.once(list, r.email)
}

// maxPivots bounds the list of people to pivot on, in bytes, for each that is added
// is looked for in it. prefect.related has all.
const maxPivots = 64 << 10

// once appends a text to the list that began at mark unless it is there.
func (d *doc) once(mark int, t text) {
	if len(t) == 0 || len(d.b)-mark > maxPivots {
		return
	}
	start := len(d.b)
	d.comma()
	quoted := len(d.b)
	d.b = append(d.b, '"')
	d.b = append(d.b, t...)
	d.b = append(d.b, '"')
	if bytes.Contains(d.b[mark:start], d.b[quoted:]) {
		d.b = d.b[:start]
	}
}

// prefect writes the custom namespace: what ECS has no word for, and all the
// rest of the record.
func (d *doc) prefect(f *fields, p *plan, who *people, place *places, at *times) {
	d.b = append(d.b, `,"prefect":{"action":"`...)
	d.b = event.AppendEscaped(d.b, []byte(p.verb))
	d.b = append(d.b, '"')
	if p.match.Fallback() {
		d.b = append(d.b, `,"mapped":false`...)
	}
	d.b = append(d.b, `,"resource":{`...)
	d.text(`"id":`, f.resource.id)
	if kind := f.resource.kind(); len(kind) > 0 {
		d.text(`"type":`, kind)
	} else {
		d.comma()
		d.b = append(d.b, `"type":"`...)
		d.b = event.AppendEscaped(d.b, []byte(p.kind))
		d.b = append(d.b, '"')
	}
	d.text(`"name":`, f.resource.name)
	if f.resource.labels {
		d.flattened(`"labels":`, f.resource.whole, f.resource.depth)
	}
	d.b = append(d.b, '}')
	if who.actor != nil {
		d.b = append(d.b, `,"actor":{"type":"`...)
		d.b = append(d.b, who.actor.kindOf()...)
		d.b = append(d.b, '"')
		d.text(`"id":`, who.actor.id)
		d.text(`"role":`, who.actor.role)
		d.b = append(d.b, '}')
	}
	if len(place.workspace) > 0 {
		d.b = append(d.b, `,"workspace":{`...)
		d.text(`"id":`, place.workspace)
		d.text(`"name":`, place.workspaceName)
		d.b = append(d.b, '}')
	}
	if f.relatesDepth > maxFlat {
		d.flattened(`"related":`, f.relates, f.relatesDepth)
	} else {
		d.raw(`"related":`, f.relates) // a list of objects
	}
	d.flattened(`"payload":`, f.payload, f.payloadDepth)
	d.text(`"follows":`, f.follows)
	switch {
	case at.noReceived:
		d.extraText(f, "received", f.received)
	default:
		d.b = append(d.b, `,"received":"`...)
		d.b = appendSameTime(d.b, at.received, f.received)
		d.b = append(d.b, '"')
	}
	if at.noOccurred {
		d.extraText(f, "occurred", f.occurred)
	}
	d.extra(f)
	d.b = append(d.b, '}')
}

// extraText keeps a text that has a place, but could not be read.
func (d *doc) extraText(f *fields, key string, t text) {
	if len(t) > 0 {
		f.keep(text(key), append(append([]byte{'"'}, t...), '"'))
	}
}

// extra writes the members that the record has and events do not.
func (d *doc) extra(f *fields) {
	if len(f.extra) == 0 {
		return
	}
	d.b = append(d.b, `,"extra":{`...)
	for _, m := range f.extra {
		d.comma()
		d.b = append(d.b, '"')
		d.b = event.AppendEscaped(d.b, m.key)
		d.b = append(d.b, '"', ':')
		d.b = append(d.b, m.value...)
	}
	d.b = append(d.b, '}')
}
