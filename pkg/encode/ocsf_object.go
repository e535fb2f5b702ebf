package encode

import (
	"bytes"
	"net/netip"
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

// person writes a user object; path is where it stands in the event. It must have an id, a name or an e-mail.
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

// object writes what the class wants of what was acted upon.
func (w *ocsfWriter) object() {
	switch w.class.uid {
	case accountChange:
		w.account()
	case authentication:
		w.login()
	case entityManagement:
		w.entity()
	case userAccess:
		w.person("user", target, w.targetTypeID())
		w.privileges(true)
		w.workspace()
	case groupManagement:
		w.group()
	case apiActivity:
		w.call()
	}
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

// account writes the account that changed, which is the resource itself where
// no target is named.
func (w *ocsfWriter) account() {
	p := target
	if !w.has(targetID, targetName, targetEmail) {
		p.id, p.name = resourceID, resourceName
		w.values[resourceID] = w.bare(w.values[resourceID])
	}
	w.person("user", p, w.targetTypeID())
	w.used[resourceType] = true
	if w.class.activity != otherActivity || !w.has(changesName, changesEmail, changesFullName) {
		return
	}
	w.open("user_result")
	w.raw("uid", w.values[p.id])
	if name := w.first(changesName, changesEmail); name != nil {
		w.raw("name", name)
	} else {
		w.raw("name", w.values[p.name])
	}
	if email := w.take(changesEmail); email != nil {
		w.email(email, changesEmail)
	}
	w.raw("full_name", w.take(changesFullName))
	w.close()
}

func (w *ocsfWriter) login() {
	p, typeID := actor, w.actorTypeID()
	if !w.has(userID, userName, userEmail) {
		p, typeID = target, w.targetTypeID()
	}
	if typeID == 0 {
		typeID = w.targetTypeID()
	}
	w.person("user", p, typeID)
	w.open("service")
	_, name := w.vendorProduct()
	w.text("name", name)
	w.close()
	w.key("is_remote")
	w.b = append(w.b, "true"...)
	w.number("auth_protocol_id", 0)
	w.constant("auth_protocol", "Unknown")
}

// entity writes the managed object. One that the event does not name goes by its
// type, because the schema wants a name.
func (w *ocsfWriter) entity() {
	w.open("entity")
	id := w.bare(w.take(resourceID))
	w.raw("uid", id)
	if w.kind == "api-key" {
		w.observe("entity.uid", 19, "User Credential ID", id)
	} else {
		w.observe("entity.uid", 10, "Resource UID", id)
	}
	if name := w.take(resourceName); name != nil {
		w.raw("name", name)
	} else if !w.has(resourceID) {
		w.text("name", title(w.kind))
	}
	w.used[resourceType] = true
	switch w.kind {
	case "account":
		w.number("type_id", 4)
		w.constant("type", "Organization")
	default:
		w.number("type_id", otherActivity)
		w.text("type", title(w.kind))
	}
	w.raw("data", w.take(payload))
	w.close()
}

// title makes a readable type: api-key becomes API Key.
func title(kind string) string {
	switch kind {
	case "":
		return "Unknown"
	case "api-key":
		return "API Key"
	}
	b := []byte(kind)
	for i, c := range b {
		switch {
		case c == '-' || c == '_' || c == '.':
			b[i] = ' '
		case c >= 'a' && c <= 'z' && (i == 0 || b[i-1] == ' '):
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// privileges writes the roles that were given or taken; where the class wants
// some and none is named, the kind of the grant stands for them.
func (w *ocsfWriter) privileges(required bool) {
	roles := changesRoles
	if !w.has(roles) {
		roles = targetRoles
	}
	if !w.has(roles) && !required {
		return
	}
	w.openList("privileges")
	from := len(w.b)
	for role := range w.take(roles).Elements {
		if role.IsString() {
			w.comma()
			w.b = append(w.b, role...)
		}
	}
	if len(w.b) == from {
		w.b = appendQuoted(w.b, w.kind)
	}
	w.closeList()
}

// workspace writes where the privileges hold.
func (w *ocsfWriter) workspace() {
	id, name := w.take(workspaceID), w.take(workspaceName)
	if id == nil && name == nil {
		return
	}
	w.openList("resources")
	w.element()
	w.raw("uid", id)
	w.raw("name", name)
	w.constant("type", "workspace")
	w.close()
	w.closeList()
	w.observe("resources[].uid", 10, "Resource UID", id)
}

// group writes the team, or else the account, whose members changed, and the
// member.
func (w *ocsfWriter) group() {
	id, name, kind := groupID, groupName, "team"
	switch {
	case w.has(groupID, groupName):
	case w.has(orgID, orgName):
		id, name, kind = orgID, orgName, "account"
	default:
		id, name, kind = resourceID, resourceName, w.kind
	}
	uid, label := w.bare(w.take(id)), w.take(name)
	w.open("group")
	w.raw("uid", uid)
	w.raw("name", label)
	w.text("type", kind)
	w.close()
	w.observe("group.uid", 33, "Group Object: uid", uid)
	w.observe("group.name", 32, "Group Object: name", label)
	if w.has(targetID, targetName, targetEmail) {
		w.person("user", target, 0)
	}
	w.privileges(w.class.activity == 1 || w.class.activity == 2)
	if !w.used[resourceID] && w.has(resourceID, resourceName) {
		w.open("resource")
		w.raw("uid", w.bare(w.take(resourceID)))
		w.raw("name", w.take(resourceName))
		w.text("type", w.kind)
		w.close()
		w.used[resourceType] = true
	}
}

// call writes the request to the API.
func (w *ocsfWriter) call() {
	w.open("api")
	method, path := w.values[httpMethod].Text(), w.values[urlPath].Text()
	if method != "" && path != "" {
		w.text("operation", method+" "+path)
	} else {
		w.text("operation", w.event.Action)
	}
	w.open("service")
	_, name := w.vendorProduct()
	w.text("name", name)
	w.close()
	w.close()
	if !w.denied() {
		return
	}
	w.number("action_id", 2)
	w.constant("action", "Denied")
	w.number("disposition_id", 2)
	w.constant("disposition", "Blocked")
	w.open("policy")
	if rule := w.take(ruleName); rule != nil {
		w.raw("name", rule)
	} else {
		did := w.verb()
		w.text("name", did[strings.LastIndexByte(did, '.')+1:])
	}
	w.close()
}

// endpoint writes where the request came from. A base event has no place for it.
func (w *ocsfWriter) endpoint() {
	if w.class.uid == baseEvent || !w.has(sourceIP, sourceAddress) && w.class.uid != apiActivity {
		return
	}
	w.open("src_endpoint")
	ip := w.values[sourceIP]
	if _, err := netip.ParseAddr(ip.Text()); err == nil {
		w.raw("ip", w.take(sourceIP))
		w.observe("src_endpoint.ip", 2, "IP Address", ip)
		if w.values[sourceAddress].Text() == ip.Text() {
			w.used[sourceAddress] = true
		}
	} else if address := w.first(sourceAddress, sourceIP); address != nil {
		w.raw("name", address)
	} else {
		w.constant("name", "unknown") // the class wants an endpoint
	}
	w.location()
	w.close()
}

// location writes what a database of addresses knows of the client's.
func (w *ocsfWriter) location() {
	if w.has(geoCity, geoCountry, geoPostal, geoRegion, geoRegionName) {
		w.open("location")
		w.raw("city", w.take(geoCity))
		w.raw("continent", w.take(geoContinent))
		w.raw("country", w.take(geoCountry))
		w.raw("postal_code", w.take(geoPostal))
		w.raw("region", w.first(geoRegion, geoRegionName))
		if w.isNumber(geoLat) && w.isNumber(geoLon) {
			w.raw("lat", w.take(geoLat))
			w.raw("long", w.take(geoLon))
		}
		w.close()
	}
	number, ok := w.number64(asNumber)
	if ok || w.has(asName) {
		w.open("autonomous_system")
		if ok {
			w.used[asNumber] = true
			w.number("number", number)
		}
		w.raw("name", w.take(asName))
		w.close()
	}
}

func (r *record) isNumber(s slot) bool {
	v := r.values[s]
	return len(v) > 0 && (v[0] == '-' || v[0]-'0' <= 9)
}

// request writes what is known of the HTTP request and its answer.
func (w *ocsfWriter) request() {
	if w.class.uid == baseEvent {
		return
	}
	if w.has(userAgent, httpMethod, urlFull, urlPath) {
		agent := w.take(userAgent)
		w.open("http_request")
		w.raw("http_method", w.take(httpMethod))
		w.raw("user_agent", agent)
		if w.has(urlFull, urlPath) {
			w.open("url")
			w.raw("url_string", w.take(urlFull))
			w.raw("path", w.take(urlPath))
			w.close()
		}
		w.close()
		w.observe("http_request.user_agent", 16, "HTTP User-Agent", agent)
	}
	if code, ok := w.number64(httpStatus); ok {
		w.used[httpStatus] = true
		w.open("http_response")
		w.number("code", code)
		w.close()
	}
}
