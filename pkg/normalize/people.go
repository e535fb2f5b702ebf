package normalize

import (
	"bytes"

	"github.com/shiplog/shiplog/pkg/catalog"
)

// people are who did it, and whom or what it was done to.
type people struct {
	of    catalog.Target
	actor *resource
	user  *resource // the target; nil: none
	group *resource
	email text // of a target that is known by it alone
	name  text // of a target that is known by it alone
	role  text // that the target has, or was given
}

// find works out the people of an event.
func (f *fields) find(target catalog.Target) (p people) {
	p.of = target
	p.actor = f.byRole("actor")
	if p.actor == nil {
		p.actor = f.byRole("creator") // who made the object; prefect.actor.role says so
	}
	switch target {
	case catalog.Self:
		if p.actor == nil && len(f.resource.id) > 0 {
			p.actor = &f.resource
		}
	case catalog.Resource:
		p.user, p.role = &f.resource, f.details.role
	case catalog.Group:
		p.group = &f.resource
	case catalog.Owner:
		p.user = f.byRole("owner", "service-account", "bot", "user")
	case catalog.Member:
		p.user = f.byRole("member", "user", "service-account", "bot")
		p.group = f.byRole("team")
		p.role, p.email = f.details.role, f.details.email
		if p.user == nil && len(p.email) == 0 {
			p.name = f.resource.name
		}
	case catalog.Grantee:
		p.user = f.byRole("member", "grantee", "user", "service-account", "bot")
		p.group = f.byRole("team")
		p.role = f.details.role
	case catalog.Invitee:
		p.user = f.byRole("invitee", "member")
		p.role, p.email = f.details.role, f.details.email
		if p.email == nil && isEmail(f.resource.name) {
			p.email = f.resource.name
		}
	case catalog.NoTarget:
	}
	return p
}

// kindOf is what sort of identity a resource is: user, service-account or
// unknown. Prefect does not label it: only people have an e-mail address.
func (r *resource) kindOf() string {
	switch kind := r.kind(); {
	case string(kind) == "service-account" || string(kind) == "bot":
		return "service-account"
	case string(kind) == "user" || len(r.email) > 0:
		return "user"
	default:
		return "unknown"
	}
}

// identity gives the names of a person: handle first, as ECS has user.name for
// the short name and user.full_name for the other.
func (r *resource) identity() (name, full text) {
	if len(r.handle) == 0 {
		return r.name, nil
	}
	if !bytes.Equal(r.handle, r.name) {
		full = r.name
	}
	return r.handle, full
}

// person writes the members of a user object.
func (d *doc) person(r *resource) {
	name, full := r.identity()
	d.text(`"id":`, r.bare())
	d.text(`"name":`, name)
	d.text(`"email":`, r.email)
	d.text(`"full_name":`, full)
}

// user writes user.*: the actor, the target and what changed of it.
func (d *doc) user(p *people, f *fields) {
	const head = `,"user":{`
	mark := d.open(head)
	if p.actor != nil {
		d.person(p.actor)
	}
	d.target(p)
	if p.user != nil || p.email != nil || p.name != nil {
		d.changes(p, &f.details)
	}
	d.close(mark, head)
}

func (d *doc) target(p *people) {
	const head = `"target":{`
	if p.user == nil && p.email == nil && p.name == nil {
		return
	}
	before := len(d.b)
	d.comma()
	mark := d.open(head)
	switch {
	case p.user != nil:
		d.person(p.user)
		if p.user.email == nil {
			d.text(`"email":`, p.email)
		}
	default:
		d.text(`"name":`, p.name)
		d.text(`"email":`, p.email)
	}
	d.listOf(`"roles":["`, p.role)
	if p.group != nil {
		d.comma()
		group := d.open(`"group":{`)
		d.text(`"id":`, p.group.bare())
		d.text(`"name":`, p.group.name)
		d.close(group, `"group":{`)
	}
	if len(d.b) == mark {
		d.b = d.b[:before]
		return
	}
	d.b = append(d.b, '}')
}

// changes writes user.changes: only what changed, with the new values. Where the
// event is about something else, such as the user's key, only the role is.
func (d *doc) changes(p *people, of *details) {
	name, email := p.renamed(of)
	if len(name) == 0 && len(email) == 0 && len(of.newRole) == 0 {
		return
	}
	d.comma()
	d.b = append(d.b, `"changes":{`...)
	d.text(`"name":`, name)
	d.text(`"email":`, email)
	d.listOf(`"roles":["`, of.newRole)
	d.b = append(d.b, '}')
}

// renamed gives the new name and address of the target, where the event is about
// the user itself.
func (p *people) renamed(of *details) (name, email text) {
	if p.of != catalog.Resource {
		return nil, nil
	}
	return of.newName, of.newEmail
}
