package encode

import "github.com/shiplog/shiplog/pkg/ecsdoc"

// A slot is one of the fields that the encoders read.
type slot int

// The fields that are one text.
const (
	timestamp slot = iota
	message
	eventHash
	eventCreated
	eventReason
	eventProvider
	eventDataset
	eventModule
	userID
	userName
	userEmail
	userFullName
	targetID
	targetName
	targetEmail
	targetFullName
	changesName
	changesEmail
	changesFullName
	groupID
	groupName
	orgID
	orgName
	sourceIP
	sourceAddress
	userAgent
	httpMethod
	urlPath
	urlFull
	ruleName
	ruleID
	errorMessage
	errorCode
	vendor
	product
	agentID
	agentName
	agentVersion
	resourceType
	resourceID
	resourceName
	verb
	actorType
	workspaceID
	workspaceName
	follows
	received
	actorID
	actorRole
	clientIP
	clientAddress
	namespace
	geoCity
	geoCountry
	geoContinent
	geoRegion
	geoRegionName
	geoPostal
	asName

	firstRaw // from here on a field may be anything
)

// The fields that are a number, a list or an object.
const (
	eventOriginal slot = firstRaw + iota
	eventCategory
	eventType
	userRoles
	targetRoles
	changesRoles
	httpStatus
	relatedResources
	payload
	geoLat
	geoLon
	asNumber

	firstImplied // from here on a field is only in the table to be left out
)

var fieldNames = []string{
	timestamp: "@timestamp", message: "message", eventHash: "event.hash", eventCreated: "event.created",
	eventReason: "event.reason", eventProvider: "event.provider", eventDataset: "event.dataset", eventModule: "event.module",

	userID: "user.id", userName: "user.name", userEmail: "user.email", userFullName: "user.full_name",
	targetID: "user.target.id", targetName: "user.target.name", targetEmail: "user.target.email",
	targetFullName: "user.target.full_name",
	changesName:    "user.changes.name", changesEmail: "user.changes.email", changesFullName: "user.changes.full_name",
	groupID: "group.id", groupName: "group.name", orgID: "organization.id", orgName: "organization.name",

	sourceIP: "source.ip", sourceAddress: "source.address", userAgent: "user_agent.original",
	httpMethod: "http.request.method", urlPath: "url.path", urlFull: "url.full",
	ruleName: "rule.name", ruleID: "rule.id", errorMessage: "error.message", errorCode: "error.code",

	vendor: "observer.vendor", product: "observer.product",
	agentID: "agent.id", agentName: "agent.name", agentVersion: "agent.version",

	resourceType: "prefect.resource.type", resourceID: "prefect.resource.id", resourceName: "prefect.resource.name",
	verb: "prefect.action", actorType: "prefect.actor.type",
	workspaceID: "prefect.workspace.id", workspaceName: "prefect.workspace.name",
	follows: "prefect.follows", received: "prefect.received", actorID: "prefect.actor.id", actorRole: "prefect.actor.role",

	clientIP: "client.ip", clientAddress: "client.address", namespace: "orchestrator.namespace",
	geoCity: "source.geo.city_name", geoCountry: "source.geo.country_iso_code",
	geoContinent: "source.geo.continent_name", geoRegion: "source.geo.region_iso_code",
	geoRegionName: "source.geo.region_name", geoPostal: "source.geo.postal_code", asName: "source.as.organization.name",

	eventOriginal: "event.original", eventCategory: "event.category", eventType: "event.type",
	userRoles: "user.roles", targetRoles: "user.target.roles",
	changesRoles: "user.changes.roles", httpStatus: "http.response.status_code",
	relatedResources: "prefect.related", payload: "prefect.payload",
	geoLat: "source.geo.location.lat", geoLon: "source.geo.location.lon", asNumber: "source.as.number",
}

// implied are the fields that every format says in its own words: the
// classification by ECS, what the envelope holds too, and values that stand
// elsewhere in the document as well.
var implied = []string{
	"event.id", "event.action", "event.kind", "event.outcome", "event.severity",
	"event.sequence", "ecs.version", "data_stream", "related",
	"service.name", "service.type", "agent.type", "orchestrator.type",
}

const slots = int(firstImplied) + 13 // the length of implied

var paths = ecsdoc.NewPaths(append(fieldNames[:firstImplied:firstImplied], implied...)...)
