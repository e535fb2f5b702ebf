package elasticsearch

// templateVersion rises with every change of what is installed.
const templateVersion = 3

// Names of what all targets share.
const (
	mappingsName  = "shiplog-mappings"
	settingsName  = "shiplog-settings"
	lifecycleName = "shiplog-lifecycle"
	policyName    = "shiplog-audit"
)

// priority is above those of the templates that Elastic's own agents install.
const priority = 600

// asset is one object that is installed.
type asset struct {
	path      string
	body      object
	privilege string // the cluster privilege that it needs
}

// server is what answers, as far as it matters here.
type server struct {
	openSearch   bool
	serverless   bool
	major, minor int
	number       string // the whole version
}

func (s server) atLeast(major, minor int) bool {
	return s.major > major || s.major == major && s.minor >= minor
}

func (s server) String() string {
	name := "Elasticsearch "
	if s.openSearch {
		name = "OpenSearch "
	}
	if s.serverless {
		return name + "Serverless"
	}
	return name + s.number
}

// substitutes says which type stands in for one that a server lacks: a core
// without its modules has few.
func substitutes() map[string]string {
	return map[string]string{longText: "text", "wildcard": "keyword", flattened: opaque}
}

// unfit are the types that a server is not asked for. OpenSearch has no
// flattened, and its flat_object refuses a document with one text of more than
// 32,766 bytes (2.19.1; there is no ignore_above): evidence that is kept and
// cannot be searched by its payload is better than evidence refused.
func (s server) unfit() map[string]string {
	if s.openSearch {
		return map[string]string{flattened: opaque}
	}
	return make(map[string]string)
}

// mappingsTemplate is the part that all targets share. sub maps types to those
// that stand in for them.
func mappingsTemplate(sub map[string]string) asset {
	return component(mappingsName, object{"mappings": object{
		"dynamic_templates": dynamicTemplates(),
		"date_detection":    false,
		"properties":        properties(sub),
	}})
}

func component(name string, template object) asset {
	return asset{"/_component_template/" + name, object{"template": template, "_meta": meta()}, "manage_index_templates"}
}

// templates lists what is installed for a target besides the mappings, in
// order: the index template, whose presence stands for all, comes last.
func templates(t target, s server, policied bool) []asset {
	list := []asset{component(settingsName, object{"settings": settings(s)})}
	composed := []string{mappingsName, settingsName}
	if policied {
		list = append(list, component(lifecycleName, object{"settings": object{"index.lifecycle.name": policyName}}))
		composed = append(composed, lifecycleName)
	}
	index := object{"index_patterns": []string{t.pattern()}, "priority": priority, "_meta": meta()}
	if t.stream {
		index["data_stream"] = object{}
	}
	if custom := t.label() + "@custom"; !s.openSearch && s.atLeast(8, 7) {
		composed = append(composed, custom)
		index["ignore_missing_component_templates"] = []string{custom}
	}
	index["composed_of"] = composed
	return append(list, asset{templatePath(t), index, "manage_index_templates"})
}

func templatePath(t target) string { return "/_index_template/shiplog-" + t.label() }

func meta() object {
	return object{"managed_by": "shiplog", "version": templateVersion}
}

func settings(s server) object {
	set := object{"index.codec": "best_compression", "index.mapping.total_fields.limit": 2000}
	if !s.openSearch && s.atLeast(8, 17) {
		// Names like logs-*-* would get LogsDB, which rebuilds _source: an
		// audit trail keeps its documents as they were sent.
		set["index.mode"] = "standard"
	}
	if s.serverless {
		delete(set, "index.codec")
	}
	return set
}

// policy rolls over and deletes nothing: how long evidence is kept is not for
// us to say.
func policy() asset {
	return asset{"/_ilm/policy/" + policyName, object{"policy": object{
		"_meta": meta(),
		"phases": object{"hot": object{"actions": object{
			"rollover": object{"max_age": "30d", "max_primary_shard_size": "50gb"},
		}}},
	}}, "manage_ilm"}
}
