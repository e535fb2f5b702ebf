package elasticsearch

import (
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

func TestCheck(t *testing.T) {
	const asked = "POST /_security/user/_has_privileges"
	has := func(cluster, index string) reply {
		return reply{200, `{"username":"u","cluster":{` + cluster + `},"index":{"logs-prefect.audit-default":{` + index + `}}}`}
	}
	all := has(`"monitor":true,"manage_index_templates":true,"manage_ilm":true`, `"create_doc":true,"auto_configure":true`)
	for _, c := range []struct {
		name, config, about string
		reply               map[string]reply
		says, want          []string // lines; parts of the error
	}{
		{"good", "", aboutElastic, map[string]reply{asked: all},
			[]string{"Elasticsearch 8.19.7", "template shiplog-logs-prefect.audit-default: missing; it is installed", "u has what is needed", "data stream logs-prefect.audit-default: missing; the first"}, nil},
		{"security is off", "", aboutElastic, nil, []string{"no security to ask"}, nil},
		{"OpenSearch", "", aboutOpenSearch, nil, []string{"OpenSearch 2.19.1", "cannot be asked"}, nil},
		{"missing rights", "", aboutElastic, map[string]reply{asked: has(`"monitor":true,"manage_index_templates":false,"manage_ilm":false`, `"create_doc":true,"auto_configure":false`)},
			nil, []string{"privilege manage_index_templates is missing for u", "manage_ilm is missing", "privilege auto_configure on logs-prefect.audit-default is missing"}},
		{"wrong key", "", aboutElastic, map[string]reply{"GET /": {401, `{"error":{"type":"security_exception","reason":"unable to authenticate"}}`}},
			nil, []string{"unable to authenticate", "check api_key"}},
		{"no version", "template: false", aboutElastic, map[string]reply{"GET /": {403, `{}`}, asked: all}, []string{"does not tell its version"}, nil},
		{"another server", "", "<html>", nil, nil, []string{"neither Elasticsearch's nor OpenSearch's"}},
		{"no pipeline", "pipeline: p", aboutElastic, map[string]reply{asked: all}, nil, []string{"pipeline p: is not there"}},
		{"pipeline", "pipeline: p", aboutElastic, map[string]reply{asked: all, "GET /_ingest/pipeline/p": {200, "{}"}}, []string{"pipeline p: present"}, nil},
		{"template by hand", "template: false", aboutElastic, map[string]reply{asked: all}, []string{"template is false"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.about, f.reply = c.about, c.reply
			var lines strings.Builder
			err := opened(t, f, c.config).Check(t.Context(), func(line string) { lines.WriteString(line + "\n") })
			for _, line := range c.says {
				if !strings.Contains(lines.String(), line) {
					t.Errorf("nothing about %q in\n%s", line, lines.String())
				}
			}
			if len(c.want) == 0 && err != nil {
				t.Errorf("error %v", err)
			}
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error %v, want something about %q", err, part)
				}
			}
			for _, request := range f.requests() {
				if strings.HasPrefix(request, "PUT") || strings.HasSuffix(request, "_bulk") {
					t.Errorf("the check made %s", request)
				}
			}
		})
	}
}

// Every node is reached, and each that is not is named.
func TestCheckNamesNodes(t *testing.T) {
	f := newFake(t)
	s := open(t, sinktest.Deps(t, nil), "urls: ["+deadNode+", "+f.URL+"]")
	defer s.Close(t.Context())
	var lines strings.Builder
	err := s.Check(t.Context(), func(line string) { lines.WriteString(line + "\n") })
	if err == nil || !strings.Contains(err.Error(), deadNode) || !strings.Contains(lines.String(), f.URL+": Elasticsearch 8.19.7") {
		t.Errorf("error %v, lines\n%s", err, lines.String())
	}
}
