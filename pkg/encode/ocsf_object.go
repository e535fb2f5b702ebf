package encode

import (
	"bytes"
	"strings"

	"github.com/shiplog/shiplog/pkg/event"
)

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
		w.resources()
	case groupManagement:
		w.group()
	case apiActivity:
		w.call()
	}
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
		w.b = event.AppendQuoted(w.b, w.kind)
	}
	w.closeList()
}

// resources writes where the event took place, and the resource itself.
func (w *ocsfWriter) resources() {
	if !w.has(workspaceID, workspaceName, resourceID, resourceName) {
		return
	}
	w.openList("resources")
	if w.has(workspaceID, workspaceName) {
		w.resource(workspaceID, workspaceName, "workspace")
	}
	if w.has(resourceID, resourceName) && w.kind != "workspace" {
		w.resource(resourceID, resourceName, w.kind)
		w.used[resourceType] = true
	}
	w.closeList()
}

func (w *ocsfWriter) resource(id, name slot, kind string) {
	uid := w.bare(w.take(id))
	w.element()
	w.raw("uid", uid)
	w.raw("name", w.take(name))
	w.text("type", kind)
	w.close()
	w.observe("resources[].uid", 10, "Resource UID", uid)
}

// group writes the team, or else the account, whose members changed, and the
// member.
func (w *ocsfWriter) group() {
	id, name, kind := groupID, groupName, "team"
	switch {
	case w.has(groupID, groupName):
	case w.kind == "team-membership" && w.has(resourceID, resourceName): // of a team that is not named
		id, name, kind = resourceID, resourceName, w.kind
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
	if itself := w.bare(w.values[resourceID]); itself != nil && bytes.Equal(itself, uid) {
		w.used[resourceID], w.used[resourceName], w.used[resourceType] = true, bytes.Equal(w.values[resourceName], label), true
		return
	}
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
	w.resources()
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
