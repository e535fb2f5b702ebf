package encode

import (
	"bytes"
	"strings"

	"github.com/shiplog/shiplog/pkg/ecsdoc"
)

// A person is where the fields of a user stand.
type person struct{ id, name, email, fullName slot }

var (
	actor  = person{userID, userName, userEmail, userFullName}
	target = person{targetID, targetName, targetEmail, targetFullName}
)

// OCSF's user.type_id.
const (
	typeUser    = 1
	typeSystem  = 3
	typeService = 4
)

var userTypes = map[int]string{typeUser: "User", typeSystem: "System", typeService: "Service"}

// actorTypeID says what kind of actor it was; 0 where that is not known.
func (r *record) actorTypeID() int {
	switch kind := r.values[actorType].Text(); {
	case strings.Contains(kind, "service"), strings.Contains(kind, "bot"):
		return typeService
	case strings.Contains(kind, "user"):
		return typeUser
	case strings.Contains(kind, "system"):
		return typeSystem
	}
	return 0
}

// person writes a user object; path is where it stands in the event. It must have
// an id, a name or an e-mail.
func (w *ocsfWriter) person(path string, p person, typeID int) {
	w.open("user")
	id, email := w.take(p.id), w.take(p.email)
	name := w.first(p.name)
	if name == nil {
		name = email
	}
	if name == nil && id == nil {
		name = w.first(p.fullName)
	}
	w.raw("uid", id)
	w.otherID(p, id)
	w.raw("name", name)
	w.email(email, p.email)
	w.raw("full_name", w.take(p.fullName))
	if caption, ok := userTypes[typeID]; ok {
		w.number("type_id", int64(typeID))
		w.constant("type", caption)
	}
	if p == actor && w.has(orgID, orgName) {
		w.open("org")
		w.raw("uid", w.take(orgID))
		w.raw("name", w.take(orgName))
		w.close()
	}
	w.close()
	w.observePerson(path, id, name, email)
}

// otherID writes the second id that a person who logs in has: the actor's and
// the user's are from different id spaces.
func (w *ocsfWriter) otherID(p person, id ecsdoc.Value) {
	if w.class.uid != authentication || p != actor || w.kind != "user" || id == nil {
		return
	}
	if other := w.bare(w.take(resourceID)); !bytes.Equal(other, id) {
		w.raw("uid_alt", other)
	}
	w.used[resourceType] = true
	w.used[resourceName] = bytes.Equal(w.values[resourceName], w.values[userName])
}

// email writes an address where the schema would take it; else it stays where it
// is for unmapped.
func (w *ocsfWriter) email(v ecsdoc.Value, s slot) {
	if v == nil {
		return
	}
	if !isEmail(v) {
		w.used[s] = false
		return
	}
	w.raw("email_addr", v)
}

// isEmail tells whether a JSON string fits the pattern of OCSF's email_t:
// ^[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$
func isEmail(v ecsdoc.Value) bool {
	local, domain, ok := bytes.Cut(v[1:len(v)-1], []byte("@"))
	if !ok || len(local) == 0 {
		return false
	}
	for _, c := range local {
		if !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+,-./=?^_`{|}~", c) < 0 {
			return false
		}
	}
	for _, c := range domain {
		if !isAlphanumeric(c) && c != '-' && c != '.' {
			return false
		}
	}
	dot := bytes.IndexByte(domain, '.')
	return dot > 0 && dot < len(domain)-1
}

func isAlphanumeric(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (w *ocsfWriter) observePerson(path string, id, name, email ecsdoc.Value) {
	names := &userPaths
	if path == "actor.user" {
		names = &actorPaths
	}
	w.observe(names[0], 31, "User Object: uid", id)
	w.observe(names[1], 4, "User Name", name)
	if email != nil && isEmail(email) {
		w.observe(names[2], 5, "Email Address", email)
	}
}

var (
	actorPaths = [3]string{"actor.user.uid", "actor.user.name", "actor.user.email_addr"}
	userPaths  = [3]string{"user.uid", "user.name", "user.email_addr"}
)

func (w *ocsfWriter) actor() {
	known := w.has(userID, userName, userEmail)
	if !known && w.class.uid != apiActivity {
		return
	}
	w.open("actor")
	if known {
		w.used[actorType] = w.actorTypeID() != 0
		w.person("actor.user", actor, w.actorTypeID())
	} else {
		w.constant("app_name", "unknown") // the class wants an actor
	}
	w.close()
}

func (w *ocsfWriter) targetTypeID() int {
	if w.kind == "service-account" {
		return typeService
	}
	if w.kind == "user" {
		return typeUser
	}
	return 0
}
