package filter_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/filter"
)

func sample() *event.Event {
	return &event.Event{
		Envelope: event.Envelope{
			Sequence: 7, ID: "id-1", Action: "prefect-cloud.api-key.created", Outcome: event.Success,
			Severity: event.Medium, Account: "acc", Workspace: "ws", Resource: "prefect-cloud.api-key.1", Source: "cloud",
		},
		Doc: []byte(`{"event":{"original":"{\"user\":{\"name\":\"decoy\"}}","category":["iam","configuration"],"type":["creation"],"kind":"event"},` +
			`"user":{"name":"ci \"bot\"","email":"ci@example.com","target":{"name":"bob"}},"source":{"ip":"10.1.2.3","port":443},` +
			`"labels":{"environment":"prod","my-team":"data"},"prefect":{"action":"created","payload":{"count":3,"deep":{"list":["a",1]},"flag":true},` +
			`"related":[{"role":"actor","id":"1"},{"role":"account","id":"2"}]},"shiplog":{"source":"cloud"}}`),
	}
}

func TestMatch(t *testing.T) {
	tests := map[string]bool{
		`event.category contains "iam" && user.name != "ci-bot"`:    true,
		`event.category contains "ia"`:                              false,
		`"configuration" in event.category`:                         true,
		`"iam" not in event.category`:                               false,
		`not (event.category contains "web")`:                       true,
		`any(event.category, # in ["iam", "web"])`:                  true,
		`len(event.category) == 2`:                                  true,
		`event.category contains lower("IAM")`:                      true,
		`event.action == "prefect-cloud.api-key.created"`:           true,
		`event.action startsWith "prefect-cloud.api-key."`:          true,
		`event.action endsWith ".deleted"`:                          false,
		`event.action matches "^prefect-cloud\\.(api|user)-"`:       true,
		`event.action in ["a", "prefect-cloud.api-key.created"]`:    true,
		`event.action not in ["a", "b"]`:                            true,
		`event.severity >= 3`:                                       true,
		`event.severity in 4..5`:                                    false,
		`event.severity > source.port`:                              false,
		`event.sequence == 7 and event.outcome == "success"`:        true,
		`user.name == "ci \"bot\""`:                                 true,
		`user.name contains '"bot"'`:                                true,
		`user.target.name == "bob"`:                                 true,
		`user.target.email == ""`:                                   true,
		`user.name == user.target.name`:                             false,
		`lower(user.email) endsWith "@example.com"`:                 true,
		`cidr(source.ip, "10.0.0.0/8")`:                             true,
		`cidr(source.ip, "192.168.0.0/16", "10.1.0.0/16")`:          true,
		`cidr(client.ip, "10.0.0.0/8")`:                             false,
		`like(event.action, "prefect-cloud.*.created")`:             true,
		`like(event.action, "*.deleted")`:                           false,
		`labels.environment == "prod"`:                              true,
		`labels["my-team"] == "data"`:                               true,
		`labels.missing == "x"`:                                     false,
		`labels.missing != "x"`:                                     true,
		`labels.missing startsWith "x"`:                             false,
		`labels.missing == ""`:                                      true,
		`prefect.payload.deep == ""`:                                false,
		`labels.environment matches "^pr"`:                          true,
		`labels.environment endsWith "x"`:                           false,
		`prefect.payload.count matches "3"`:                         false,
		`prefect.payload.deep != "x"`:                               true,
		`like(labels.environment, "pr*")`:                           true,
		`labels contains "environment"`:                             true,
		`prefect.payload.count > 2`:                                 true,
		`prefect.payload.count > "2"`:                               false,
		`prefect.payload.count == 3`:                                true,
		`prefect.payload.missing > 2`:                               false,
		`prefect.payload.deep.list contains "a"`:                    true,
		`prefect.payload.deep.list contains 1`:                      true,
		`"a" in prefect.payload.deep.list`:                          true,
		`prefect.payload.flag == true`:                              true,
		`any(prefect.related, .role == "actor" && .id == "1")`:      true,
		`prefect.action in ["created", "updated"]`:                  true,
		`prefect.workspace.id == "ws" && shiplog.source == "cloud"`: true,
		`prefect.action == "created" ? event.severity > 1 : false`:  true,
		`let n = user.target.name; n == "bob"`:                      true,
	}
	e := sample()
	for expression, want := range tests {
		f, err := filter.Compile(expression)
		if err != nil {
			t.Errorf("Compile(%s): %v", expression, err)
			continue
		}
		got, err := f.Match(e)
		if err != nil || got != want {
			t.Errorf("Match(%s) = %v, %v; want %v", expression, got, err, want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	tests := map[string]struct{ expression, want string }{
		"typo in a field":       {`event.acton == "x"`, "there is no field event.acton; did you mean event.action? (1:"},
		"on the second line":    {"event.kind == \"event\" &&\n  user.nam == \"x\"", "there is no field user.nam; did you mean user.name? (2:"},
		"right name, no parent": {`category contains "iam"`, "did you mean event.category?"},
		"object":                {`event == "x"`, "event is an object; name one of the fields below it, such as event.action"},
		"below a field":         {`event.action.name == "x"`, "there is no field event.action.name"},
		"list compared":         {`event.category == "iam"`, "event.category is a list: ask for an element with contains"},
		"text and number":       {`event.action == 3`, "mismatched types"},
		"number and text":       {`event.severity >= "high"`, "invalid operation"},
		"not a condition":       {`event.action`, "expected bool"},
		"no such function":      {`cidrs(source.ip, "10.0.0.0/8")`, "there is no function cidrs"},
		"inner function":        {`$text($env, 0) == ""`, "there is no function $text"},
		"environment":           {`$env == nil`, "there is no field $env"},
		"wrong network":         {`cidr(source.ip, "10.0.0.0/99")`, "10.0.0.0/99"},
		"wrong pattern":         {`event.action matches "("`, "error parsing regexp"},
		"wrong open pattern":    {`prefect.action matches "("`, "error parsing regexp"},
		"no such outcome":       {`event.outcome == "succes"`, `event.outcome is never "succes"`},
		"among outcomes":        {`event.outcome in ["success", "denied"]`, `event.outcome is never "denied"`},
		"syntax":                {`event.action ==`, "unexpected token"},
		"empty":                 {``, "unexpected token"},
		"ever more brackets":    {strings.Repeat("(", 1<<20), "at most 16384 are allowed"},
		"as many as may be":     {strings.Repeat("(", 16<<10), "unexpected token"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := filter.Compile(tt.expression)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Compile(%s) = %v, want an error with %q", tt.expression, err, tt.want)
			}
		})
	}
}

// A damaged document has no fields; the envelope still answers.
func TestMatchDamagedDocument(t *testing.T) {
	f, err := filter.Compile(`event.severity == 3 && user.name == "" && not (event.category contains "iam")`)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"", "[]", `{"event":`, `{"user":{"name":"x"`, "null"} {
		e := sample()
		e.Doc = []byte(doc)
		if got, err := f.Match(e); err != nil || doc != `{"user":{"name":"x"` && !got {
			t.Errorf("Match on %q = %v, %v; want true", doc, got, err)
		}
	}
}

func TestMatchFromManyGoroutines(t *testing.T) {
	f, err := filter.Compile(`user.name contains "bot" && event.category contains "iam"`)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			e := sample()
			for range 200 {
				if got, err := f.Match(e); err != nil || !got {
					t.Errorf("Match = %v, %v; want true", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestFieldsAreSortedAndUnique(t *testing.T) {
	fields := filter.Fields()
	for i := 1; i < len(fields); i++ {
		if fields[i-1].Name >= fields[i].Name {
			t.Errorf("%s comes after %s", fields[i].Name, fields[i-1].Name)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`event.category contains "iam" && user.name != "ci-bot"`, `any(prefect.related, .role == "actor")`,
		`let n = user.name; n in ["a"]`, `cidr(source.ip, "10.0.0.0/8")`, `labels["x"]?.y ?? "z" == "z"`,
		`prefect.a.b contains $env`, `event.severity in 1..3`, `event.action | lower() == "x"`,
	} {
		f.Add(seed)
	}
	e := sample()
	f.Fuzz(func(t *testing.T, expression string) {
		if len(expression) > 200 {
			t.Skip("long expressions only cost time")
		}
		compiled, err := filter.Compile(expression)
		if err != nil {
			return
		}
		_, _ = compiled.Match(e)
	})
}

func BenchmarkMatch(b *testing.B) {
	for name, expression := range map[string]string{
		"envelope": `event.action startsWith "prefect-cloud.api-key." && event.severity >= 3`,
		"document": `event.category contains "iam" && user.name != "ci-bot"`,
		"cidr":     `cidr(source.ip, "192.168.0.0/16", "10.0.0.0/8")`,
		"open":     `labels.environment == "prod" && prefect.payload.count > 2`,
	} {
		f, err := filter.Compile(expression)
		if err != nil {
			b.Fatal(err)
		}
		e := sample()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got, err := f.Match(e); err != nil || !got {
					b.Fatal(got, err)
				}
			}
		})
	}
}
