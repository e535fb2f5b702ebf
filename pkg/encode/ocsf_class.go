package encode

import "strings"

// The classes of OCSF 1.8.0 that Prefect's events fall into.
const (
	baseEvent         = 0
	accountChange     = 3001
	authentication    = 3002
	entityManagement  = 3004
	userAccess        = 3005
	groupManagement   = 3006
	apiActivity       = 6003
	otherActivity     = 99
	ocsfSchemaVersion = "1.8.0"
)

// An ocsfClass is what the schema says of a class.
type ocsfClass struct {
	name         string
	category     int
	categoryName string
	activities   []string // by activity_id; 0 and 99 are Unknown and Other in all
}

const iam = "Identity & Access Management"

// ocsfClasses holds the captions of OCSF 1.8.0.
var ocsfClasses = map[int]ocsfClass{
	baseEvent: {"Base Event", 0, "Uncategorized", nil},
	accountChange: {"Account Change", 3, iam, []string{"Unknown", "Create", "Enable", "Password Change", "Password Reset",
		"Disable", "Delete", "Attach Policy", "Detach Policy", "Lock", "MFA Factor Enable", "MFA Factor Disable", "Unlock"}},
	authentication: {"Authentication", 3, iam, []string{"Unknown", "Logon", "Logoff", "Authentication Ticket",
		"Service Ticket Request", "Service Ticket Renew", "Preauth", "Account Switch"}},
	entityManagement: {"Entity Management", 3, iam, []string{"Unknown", "Create", "Read", "Update", "Delete", "Move", "Enroll",
		"Unenroll", "Enable", "Disable", "Activate", "Deactivate", "Suspend", "Resume"}},
	userAccess: {"User Access Management", 3, iam, []string{"Unknown", "Assign Privileges", "Revoke Privileges"}},
	groupManagement: {"Group Management", 3, iam, []string{"Unknown", "Assign Privileges", "Revoke Privileges", "Add User",
		"Remove User", "Delete", "Create", "Add Subgroup", "Remove Subgroup"}},
	apiActivity: {"API Activity", 6, "Application Activity", []string{"Unknown", "Create", "Read", "Update", "Delete"}},
}

// A classification is the class and activity that an event gets.
type classification struct {
	uid      int
	class    ocsfClass
	activity int
	name     string // of the activity
}

// classify gives the class of the catalogue, or one that can do without what the
// event does not say: a class whose required object is missing would be invalid.
func (r *record) classify() classification {
	uid, activity, name := r.entry.OCSF.Class, r.entry.OCSF.Activity, r.entry.OCSF.ActivityName
	target := r.has(targetID, targetName, targetEmail)
	switch uid {
	case accountChange:
		if !target && !r.has(resourceID, resourceName) {
			uid = baseEvent
		}
	case authentication:
		if !target && !r.has(userID, userName, userEmail) {
			uid = baseEvent
		}
	case userAccess:
		switch {
		case target:
		case r.has(groupID, groupName):
			uid = groupManagement // the grantee is a team; 1 and 2 mean the same there
		default:
			uid, activity, name = entityManagement, grantActivity(activity), ""
		}
	case groupManagement:
		if !r.has(groupID, groupName, orgID, orgName, resourceID, resourceName) {
			uid = baseEvent
		}
	case apiActivity:
		activity, name = r.apiActivity(name)
	}
	class, known := ocsfClasses[uid]
	if !known || uid == baseEvent {
		uid, class, activity = baseEvent, ocsfClasses[baseEvent], otherActivity
	}
	if activity != otherActivity && activity >= len(class.activities) {
		activity = otherActivity
	}
	if activity != otherActivity {
		name = class.activities[activity]
	}
	if name == "" {
		name = title(r.verb()) // of rows for many names: 99 wants the source's own word
	}
	return classification{uid, class, activity, name}
}

// grantActivity makes of a change of privileges what happened to the grant.
func grantActivity(activity int) int {
	switch activity {
	case 1:
		return 1 // Create
	case 2:
		return 4 // Delete
	default:
		return 3 // Update
	}
}

// apiActivity goes by the method of the request, where that is known.
func (r *record) apiActivity(name string) (int, string) {
	switch strings.ToUpper(r.values[httpMethod].Text()) {
	case "POST":
		return 1, ""
	case "GET", "HEAD":
		return 2, ""
	case "PUT", "PATCH":
		return 3, ""
	case "DELETE":
		return 4, ""
	}
	return otherActivity, name
}
