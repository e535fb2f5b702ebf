package elasticsearch

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// deliver delivers one event and returns the error.
func deliver(t *testing.T, s *Sink, n int) error {
	t.Helper()
	_, err := s.Deliver(t.Context(), sinktest.Batch(n, 1, nil))
	return err
}

// What is installed, byte for byte, on each kind of server.
func TestInstalledTemplates(t *testing.T) {
	for _, c := range []struct{ name, about, config string }{
		{"elasticsearch-8", aboutElastic, ""},
		{"elasticsearch-7", `{"version":{"number":"7.17.29"}}`, "data_stream: logs-prefect.audit-default"},
		{"serverless", `{"version":{"number":"8.11.0","build_flavor":"serverless"}}`, ""},
		{"opensearch-2", aboutOpenSearch, ""},
		{"dated-index", aboutElastic, `index: "audit-%{+yyyy.MM.dd}"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.about = c.about
			s := opened(t, f, c.config)
			if err := deliver(t, s, 0); err != nil {
				t.Fatal(err)
			}
			text, err := json.MarshalIndent(f.templates, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "template-"+c.name+".json", append(text, '\n'))
		})
	}
}

func TestTemplateIsInstalledOnce(t *testing.T) {
	f := newFake(t)
	if err := deliver(t, opened(t, f, ""), 0); err != nil {
		t.Fatal(err)
	}
	f.requests()
	s := opened(t, f, "") // as after a restart
	for n := range 2 {
		if err := deliver(t, s, 1+n); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"GET /_index_template/shiplog-logs-prefect.audit-default",
		"POST /logs-prefect.audit-default/_bulk",
		"POST /logs-prefect.audit-default/_bulk",
	}
	if got := f.requests(); !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

// An older template of ours is brought up to date; one that somebody else has
// put there is left alone.
func TestTemplateOfOthersIsLeft(t *testing.T) {
	const path = "/_index_template/shiplog-logs-prefect.audit-default"
	for _, c := range []struct {
		name, meta string
		replaced   bool
	}{
		{"older", `{"_meta":{"managed_by":"shiplog","version":0}}`, true},
		{"newer", `{"_meta":{"managed_by":"shiplog","version":99}}`, false},
		{"foreign", `{"_meta":{"managed_by":"terraform"}}`, false},
		{"nobody's", `{}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.templates[path] = json.RawMessage(c.meta)
			if err := deliver(t, opened(t, f, ""), 0); err != nil {
				t.Fatal(err)
			}
			if got := string(f.templates[path]) != c.meta; got != c.replaced {
				t.Errorf("replaced: %v, want %v", got, c.replaced)
			}
		})
	}
}

// A server without some of the types gets those that it has.
func TestMissingTypesAreReplaced(t *testing.T) {
	f := newFake(t)
	f.lacks = []string{"wildcard", "flattened"}
	if err := deliver(t, opened(t, f, ""), 0); err != nil {
		t.Fatal(err)
	}
	mappings := string(f.templates["/_component_template/"+mappingsName])
	for _, lacking := range f.lacks {
		if strings.Contains(mappings, `"type":"`+lacking+`"`) {
			t.Errorf("the mappings have type %s", lacking)
		}
	}
	if !strings.Contains(mappings, `"payload":{"enabled":false,"type":"object"}`) {
		t.Error("the payload is not opaque")
	}
}

// Without the rights nothing is sent, and the error names what is missing.
func TestMissingPrivileges(t *testing.T) {
	const forbidden = `{"error":{"type":"security_exception","reason":"action is unauthorized for user [u]"}}`
	for request, privilege := range map[string]string{
		"GET /_index_template/shiplog-logs-prefect.audit-default": "manage_index_templates",
		"GET /": "monitor",
		"PUT /_component_template/shiplog-mappings":               "manage_index_templates",
		"GET /_ilm/policy/shiplog-audit":                          "manage_ilm",
		"PUT /_ilm/policy/shiplog-audit":                          "manage_ilm",
		"PUT /_index_template/shiplog-logs-prefect.audit-default": "manage_index_templates",
	} {
		t.Run(request, func(t *testing.T) {
			f := newFake(t)
			f.reply[request] = reply{403, forbidden}
			s := opened(t, f, "")
			err := deliver(t, s, 0)
			if fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), privilege) || !strings.Contains(err.Error(), "template: false") {
				t.Errorf("got %v, want a set-up fault that names %s and the way out", err, privilege)
			}
			if got := len(f.Accepted()); got > 0 {
				t.Error("an event was sent without the template")
			}
			delete(f.reply, request)
			if err := deliver(t, s, 0); err != nil {
				t.Errorf("once granted: %v", err)
			}
		})
	}
}

// A distribution without lifecycles is not an error. Elasticsearch 8 has no
// handler for the question; 7 takes the path for an index that is not there.
func TestServerWithoutLifecycles(t *testing.T) {
	for request, answer := range map[string]reply{
		"GET /_ilm/policy/shiplog-audit": {400, `{"error":"no handler found for uri [/_ilm/policy/shiplog-audit] and method [GET]"}`},
		"PUT /_ilm/policy/shiplog-audit": {400, `{"error":{"type":"invalid_index_name_exception","reason":"Invalid index name [_ilm]"}}`},
	} {
		f := newFake(t)
		f.reply[request] = answer
		if err := deliver(t, opened(t, f, ""), 0); err != nil {
			t.Fatal(err)
		}
		if names := slices.Collect(maps.Keys(f.templates)); len(names) != 3 {
			t.Errorf("%s: installed %q, want no lifecycle", request, names)
		}
	}
}

func TestNotElasticsearch(t *testing.T) {
	f := newFake(t)
	f.about = `<html>It works!</html>`
	err := deliver(t, opened(t, f, ""), 0)
	if fault.KindOf(err) != fault.Setup || !strings.Contains(err.Error(), "check urls") {
		t.Errorf("got %v", err)
	}
}
