package normalize_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// field is what the published field list says of one field.
type field struct {
	Type      string   `yaml:"type"`
	Normalize []string `yaml:"normalize"`
	Allowed   []struct {
		Name          string   `yaml:"name"`
		ExpectedTypes []string `yaml:"expected_event_types"`
	} `yaml:"allowed_values"`
}

type schema map[string]field

func readSchema(t *testing.T) schema {
	t.Helper()
	s, err := published()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// published reads the field list once: it is long.
var published = sync.OnceValues(func() (s schema, err error) {
	f, err := os.Open("testdata/ecs_flat.yml.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	err = yaml.NewDecoder(z).Decode(&s)
	return s, err
})

// check compares a document with the field list, and returns what is wrong.
func (s schema) check(doc map[string]any) (wrong []string) {
	for _, required := range []string{"@timestamp", "ecs.version", "event.kind", "event.action", "message"} {
		if at(doc, required) == nil {
			wrong = append(wrong, required+" is missing")
		}
	}
	s.walk("", doc, &wrong)
	return append(wrong, s.checkTypes(doc)...)
}

func (s schema) walk(path string, v any, wrong *[]string) {
	f, known := s[path]
	if object, ok := v.(map[string]any); ok && (!known || f.Type == "object") {
		for name, value := range object {
			if strings.Contains(name, ".") {
				*wrong = append(*wrong, path+" has a dotted name: "+name)
			}
			below := strings.TrimPrefix(path+"."+name, ".")
			if below != "prefect" && below != "shiplog" && below != "labels" {
				s.walk(below, value, wrong)
			}
		}
		return
	}
	if !known {
		*wrong = append(*wrong, path+" is no field of ECS")
		return
	}
	list, isList := v.([]any)
	if wants := slices.Contains(f.Normalize, "array"); wants != isList {
		*wrong = append(*wrong, fmt.Sprintf("%s is a list: %t, but should be: %t", path, isList, wants))
	}
	if !isList {
		list = []any{v}
	}
	if len(list) == 0 {
		*wrong = append(*wrong, path+" is empty")
	}
	for _, one := range list {
		if problem := f.fits(one); problem != "" {
			*wrong = append(*wrong, fmt.Sprintf("%s: %v %s", path, one, problem))
		}
	}
}

// fits tells why a value does not fit the field's type; empty: it does.
func (f field) fits(v any) string {
	number, isNumber := v.(json.Number)
	s, isString := v.(string)
	switch f.Type {
	case "long":
		if _, err := number.Int64(); !isNumber || err != nil {
			return "is no whole number"
		}
		return ""
	case "float":
		if !isNumber {
			return "is no number"
		}
		return ""
	}
	if f.Type == "geo_point" {
		if point, ok := v.(map[string]any); !ok || at(point, "lat") == nil || at(point, "lon") == nil {
			return "is no place"
		}
		return ""
	}
	if !isString || s == "" {
		return "is no text"
	}
	switch f.Type {
	case "date":
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return "is no time"
		}
	case "ip":
		if _, err := netip.ParseAddr(s); err != nil {
			return "is no IP"
		}
	case "keyword", "wildcard", "match_only_text", "constant_keyword":
	default:
		return "has a type that this test does not know: " + f.Type
	}
	if len(f.Allowed) == 0 {
		return ""
	}
	for _, allowed := range f.Allowed {
		if allowed.Name == s {
			return ""
		}
	}
	return "is not allowed"
}

// checkTypes checks that every event.type is expected for one of the
// categories, and that every category has a type.
func (s schema) checkTypes(doc map[string]any) (wrong []string) {
	categories, _ := at(doc, "event.category").([]any)
	types, _ := at(doc, "event.type").([]any)
	expected := map[any]bool{}
	for _, category := range categories {
		fits := false
		for _, allowed := range s["event.category"].Allowed {
			if allowed.Name != category {
				continue
			}
			for _, t := range allowed.ExpectedTypes {
				expected[t] = true
				fits = fits || slices.Contains(types, any(t))
			}
		}
		if !fits {
			wrong = append(wrong, fmt.Sprintf("category %v has none of its types in %v", category, types))
		}
	}
	for _, t := range types {
		if !expected[t] {
			wrong = append(wrong, fmt.Sprintf("type %v is not expected for %v", t, categories))
		}
	}
	return wrong
}

func TestSamplesAreValidECS(t *testing.T) {
	s := readSchema(t)
	n := newNormalizer(t, normalize.Options{})
	for _, name := range []string{"samples.jsonl", "bench.jsonl"} {
		for i, line := range lines(t, name) {
			e := normalized(t, n, &event.Record{Raw: line})
			for _, wrong := range s.check(decode(t, e.Doc)) {
				t.Errorf("%s line %d, %s: %s", name, i+1, e.Action, wrong)
			}
		}
	}
}

// Every event of the catalogue, with all the parts that an event can have.
func TestCatalogIsValidECS(t *testing.T) {
	s := readSchema(t)
	n := newNormalizer(t, normalize.Options{})
	for _, entry := range catalog.Default().Entries() {
		action := strings.ReplaceAll(entry.Event, "*", "something")
		for _, line := range []string{fullEvent(action), `{"event":"` + action + `"}`} {
			e := normalized(t, n, &event.Record{Raw: []byte(line)})
			doc := decode(t, e.Doc)
			for _, wrong := range s.check(doc) {
				t.Errorf("%s: %s", action, wrong)
			}
			if at(doc, "prefect.mapped") != nil {
				t.Errorf("%s counts as not in the catalogue", action)
			}
			if e.Severity != entry.Severity || e.Outcome != entry.Outcome {
				t.Errorf("%s: got %s %s, want %s %s", action, e.Severity, e.Outcome, entry.Severity, entry.Outcome)
			}
		}
		own := normalize.Own(action, "it happened", event.Critical, readAt, map[string]any{"lost": 3})
		for _, wrong := range s.check(decode(t, own.Doc)) {
			t.Errorf("%s as our own: %s", action, wrong)
		}
	}
}

func fullEvent(action string) string {
	kind, _ := catalog.Split(action)
	id := func(kind string) string {
		return `"prefect.resource.id":"prefect-cloud.` + kind + `.00000000-0000-4000-8000-000000000001"`
	}
	return `{"id":"00000000-0000-4000-8000-0000000000ff","occurred":"2026-11-02T08:11:25Z","received":"2026-11-02T08:11:26Z",
"event":"` + action + `","resource":{` + id(kind) + `,"prefect.resource.name":"thing","other":"label"},
"related":[{"prefect.resource.role":"actor",` + id("actor") + `,"prefect-cloud.handle":"ana","prefect.resource.name":"Ana","prefect-cloud.email":"ana@example.com"},
{"prefect.resource.role":"account",` + id("account") + `,"prefect.resource.name":"Acme"},
{"prefect.resource.role":"workspace",` + id("workspace") + `,"prefect.resource.name":"prod"},
{"prefect.resource.role":"member",` + id("actor") + `,"prefect.resource.name":"Bo"},
{"prefect.resource.role":"team",` + id("team") + `,"prefect.resource.name":"Blue"}],
"payload":{"ip":"192.0.2.1:443","request":{"user-agent":"curl","method":"GET","path":"/x","status_code":403,"host":"example.com"},
"reason":"because","error":"it broke","role":"Owner","updates":{"name":{"from":"a","to":"b"},"role":{"to":"Admin"},"email":{"to":"c@example.com"}}},
"follows":"00000000-0000-4000-8000-0000000000fe","account":"00000000-0000-4000-8000-000000000001","workspace":null,"new":{"a":1}}`
}
