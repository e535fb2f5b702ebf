package normalize

import (
	"bytes"
	"unicode"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
)

// message writes one line for a reader: alice@example.com created API key
// ci-deploy in account Acme; without an actor: API key created: ci-deploy in
// account Acme.
func (d *doc) message(p *plan, who *people, f *fields, place *places) {
	d.b = append(d.b, `,"message":"`...)
	mark := len(d.b)
	switch {
	case who.actor != nil && len(p.phrase) > 0:
		d.b = append(d.b, who.actor.call()...)
		d.b = append(d.b, ' ')
		d.phrase(p, who, f)
		if p.toPlace && !place.known() {
			d.b = append(d.b, " the account"...)
		}
		d.place(place, p.toPlace)
	default:
		d.b = event.AppendEscaped(d.b, []byte(p.entry.Name))
		if name := f.resource.label(); len(name) > 0 && (len(place.account) == 0 || !bytes.Equal(f.resource.bare(), place.account)) {
			d.b = append(d.b, ": "...)
			d.b = append(d.b, name...)
		}
		if who.actor != nil {
			d.b = append(d.b, " by "...)
			d.b = append(d.b, who.actor.call()...)
		}
		d.place(place, false)
	}
	d.oneLine(mark)
	d.b = append(d.b, '"')
}

// oneLine makes the text from mark on safe to show: names are anybody's, and one
// with a line break would look like two messages.
func (d *doc) oneLine(mark int) {
	written := d.b[mark:]
	for _, suspect := range [...]byte{'\\', 0xc2, 0xd8, 0xe2} { // an escape, or how what harmless drops begins
		if bytes.IndexByte(written, suspect) >= 0 {
			d.b = event.AppendEscaped(d.b[:mark], harmless(text(written).appendPlain(nil)))
			return
		}
	}
}

// harmless makes line breaks and other controls blanks, and leaves out what
// changes the direction of the text around it.
func harmless(plain []byte) []byte {
	return bytes.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == 0x2028, r == 0x2029:
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, plain)
}

func (d *doc) phrase(p *plan, who *people, f *fields) {
	for _, piece := range p.phrase {
		var name text
		switch piece.hole {
		case "":
			d.b = append(d.b, piece.text...)
			continue
		case "resource":
			name = f.resource.label()
		case "target":
			name = who.callTarget()
		case "group":
			if who.group != nil {
				name = who.group.label()
			}
		}
		if len(name) == 0 {
			d.b = bytes.TrimSuffix(d.b, []byte(" "))
		}
		d.b = append(d.b, name...)
	}
}

// call is how a message speaks of somebody: the e-mail address says more than
// a name.
func (r *resource) call() text {
	if len(r.email) > 0 {
		return r.email
	}
	if len(r.name) == 0 && len(r.handle) == 0 && len(r.id) == 0 {
		return text("somebody")
	}
	return r.label()
}

func (p *people) callTarget() text {
	switch {
	case p.user != nil && len(p.user.id) > 0:
		return p.user.call()
	case p.email != nil:
		return p.email
	case p.name != nil:
		return p.name
	case p.group != nil && len(p.group.id) > 0 && p.of == catalog.Grantee:
		return p.group.label()
	default:
		return text("somebody")
	}
}

// places are the account and the workspace of an event.
type places struct {
	account, accountName     text
	workspace, workspaceName text

	wide bool // the event is about the workspace itself, or about the account as a whole
}

func (p *places) known() bool { return len(p.account) > 0 || p.inWorkspace() }

// inWorkspace reports whether a message says which workspace it was in.
func (p *places) inWorkspace() bool { return len(p.workspace) > 0 && !p.wide }

// place writes where it happened. direct: a preposition is there already.
func (d *doc) place(p *places, direct bool) {
	if !p.known() {
		return
	}
	d.b = append(d.b, ' ')
	if !direct {
		d.b = append(d.b, "in "...)
	}
	if p.inWorkspace() {
		d.b = append(d.b, "workspace "...)
		d.b = append(d.b, either(p.workspaceName, p.workspace)...)
	}
	if len(p.account) > 0 {
		if p.inWorkspace() {
			d.b = append(d.b, " of "...)
		}
		d.b = append(d.b, "account "...)
		d.b = append(d.b, either(p.accountName, p.account)...)
	}
}

func either(a, b text) text {
	if len(a) > 0 {
		return a
	}
	return b
}
