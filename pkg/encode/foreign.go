package encode

import (
	"sync"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/ecsdoc"
)

// An event that the catalogue knows nothing of may still say in ECS what kind of
// event it is: one of another product, read by the ecs decoder. It is classified
// as the Prefect event that is most like it.

// likeOthers finds the entry for an event of another product.
func (r *record) likeOthers() {
	category, kind := r.values[eventCategory], r.values[eventType]
	if like := likes()[likeness(category, kind)]; like != nil {
		r.entry = like
	}
}

// likeness gives the name of the catalogue's event that one with these words of
// event.category and event.type is like; "" where there is none.
func likeness(category, kind ecsdoc.Value) string {
	verb := ""
	switch {
	case holds(kind, "creation"):
		verb = "created"
	case holds(kind, "deletion"):
		verb = "deleted"
	case holds(kind, "change"):
		verb = "updated"
	}
	switch {
	case holds(category, "authentication") && holds(kind, "end"):
		return "prefect-cloud.user.logged-out"
	case holds(category, "authentication") && (holds(kind, "start") || holds(kind, "info")):
		return "prefect-cloud.user.logged-in"
	case verb == "":
		return ""
	case holds(category, "iam") && holds(kind, "user"):
		return "prefect-cloud.user." + verb
	case holds(category, "iam") && holds(kind, "group"):
		return "prefect-cloud.team." + verb
	case holds(category, "iam"), holds(category, "configuration"):
		return "prefect-cloud.webhook." + verb // plain configuration
	}
	return ""
}

func holds(list ecsdoc.Value, word string) bool {
	for v := range list.Elements {
		if v.Text() == word {
			return true
		}
	}
	return false
}

// likes are the catalogue's entries that foreign events are like, without what
// is only true of Prefect's.
var likes = sync.OnceValue(func() map[string]*catalog.Entry {
	all := map[string]*catalog.Entry{}
	categories := map[string]string{"user": "user", "team": "group", "webhook": "configuration"}
	for kind, category := range categories {
		for _, verb := range []string{"created", "updated", "deleted", "logged-in", "logged-out"} {
			entry, match := catalog.Lookup("prefect-cloud." + kind + "." + verb)
			if match != catalog.Exact {
				continue
			}
			like := *entry
			like.Target = catalog.NoTarget
			like.CIM.ObjectCategory = category
			all["prefect-cloud."+kind+"."+verb] = &like
		}
	}
	return all
})
