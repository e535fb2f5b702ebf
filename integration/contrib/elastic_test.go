//go:build integration

package contrib

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/integration/harness"
)

// In Elasticsearch itself, with the mappings of contrib/elasticsearch, every rule
// that Lucene can ask fires on its own sample and on no other.
func TestSigmaRulesInElasticsearch(t *testing.T) {
	s := harness.StartElasticsearch(t)
	const index = "/sigma"
	s.Call("PUT", index, mappings(t), nil)
	names := map[string]string{} // of the samples, by document
	var bulk strings.Builder
	for _, one := range sampleEvents(t, filepath.Join(shipped, "sigma"), "ecs") {
		var doc struct {
			Event struct {
				ID string `json:"id"`
			} `json:"event"`
		}
		if err := json.Unmarshal(one.body, &doc); err != nil {
			t.Fatal(err)
		}
		names[doc.Event.ID] = one.name
		bulk.WriteString(`{"create":{"_id":"` + doc.Event.ID + `"}}` + "\n" + string(one.body) + "\n")
	}
	var answer struct {
		Errors bool            `json:"errors"`
		Items  json.RawMessage `json:"items"`
	}
	s.Call("POST", index+"/_bulk?refresh=true", bulk.String(), &answer)
	if answer.Errors {
		t.Fatalf("samples were refused: %s", answer.Items)
	}
	for rule, query := range lucene(t) {
		text, err := json.Marshal(map[string]any{"size": 1000, "query": map[string]any{"query_string": map[string]any{"query": query}}})
		if err != nil {
			t.Fatal(err)
		}
		var found struct {
			Hits struct {
				Hits []struct {
					ID string `json:"_id"`
				} `json:"hits"`
			} `json:"hits"`
		}
		s.Call("POST", index+"/_search", string(text), &found)
		var fired []string
		for _, hit := range found.Hits.Hits {
			fired = append(fired, names[hit.ID])
		}
		slices.Sort(fired)
		if fired = slices.Compact(fired); !slices.Equal(fired, []string{rule}) {
			t.Errorf("%s fires on the samples %q: %s", rule, fired, query)
		}
	}
}

// mappings are those that are shipped, with types that stand in for the modules
// that the server of the harness lacks.
func mappings(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shipped, "elasticsearch", "component_template-shiplog-mappings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Template json.RawMessage `json:"template"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`"match_only_text"`, `"text"`, `"wildcard"`, `"keyword"`).Replace(string(file.Template))
}

// lucene gives the queries that are shipped, by rule.
func lucene(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shipped, "sigma", "queries", "lucene.md"))
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)## (\\S+)\n\n```\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		queries[m[1]] = m[2]
	}
	if len(queries) < 10 {
		t.Fatalf("%d queries: the test reads the wrong file", len(queries))
	}
	return queries
}
