package agent

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func yamlNode(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	return &n
}

// A record written as YAML fields is what a source would have read.
func TestRecordOfYAML(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"a line of text":        {`"Traceback: <x>"`, `Traceback: <x>`},
		"a block":               {"|\n  {\"a\":1}\n", `{"a":1}`},
		"order is kept":         {"{b: 1, a: 2}", `{"b":1,"a":2}`},
		"times stay texts":      {"{t: 2026-11-02T08:11:25Z, d: 2026-11-02}", `{"t":"2026-11-02T08:11:25Z","d":"2026-11-02"}`},
		"numbers as written":    {"[9007199254740993, 1.50, 0x10, 1e3]", `[9007199254740993,1.50,16,1e3]`},
		"what JSON has as well": {"[true, null, ~, '1', <&>]", `[true,null,null,"1","<&>"]`},
		"an alias":              {"{a: &x {n: 1}, b: *x}", `{"a":{"n":1},"b":{"n":1}}`},
		"a merge":               {"{a: &x {n: 1, m: 2}, b: {<<: *x, n: 3}}", `{"a":{"n":1,"m":2},"b":{"n":3,"m":2}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := recordOf(yamlNode(t, tt.yaml))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
	if _, err := recordOf(yamlNode(t, strings.Repeat("[", 200)+strings.Repeat("]", 200))); err == nil {
		t.Error("a record that is nested without end is taken")
	}
}

func TestMatcher(t *testing.T) {
	const doc = `{"user":{"name":"ana","roles":["Owner",2]},"labels":{"a.b":"c"},"n":1.0,"o":{"x":null}}`
	tests := []struct {
		path, want string
		ok         bool
	}{
		{"user.name", "ana", true},
		{"user.name", "Ana", false},
		{"user.name", "{matches: '^a.a$'}", true},
		{"user.name", "{matches: b}", false},
		{"user.name", "{contains: na}", true},
		{"user.roles", "[Owner, 2]", true},
		{"user.roles", "[2, Owner]", false},
		{"user.roles", "{contains: Owner}", true},
		{"user.roles", "{contains: 2}", true},
		{"user.roles", "{contains: Own}", false},
		{"labels.a.b", "c", true},
		{"n", "1.0", true},
		{"n", "'1.0'", false},
		{"n", "{matches: '^1'}", true},
		{"o", "{x: null}", true},
		{"o.x", "{exists: true}", true},
		{"o.x", "{absent: true}", false},
		{"o.y", "{absent: true}", true},
		{"o.y", "{exists: false}", true},
		{"user.name.first", "{absent: true}", true},
		{"missing", "null", false},
	}
	value, err := decodeJSON([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		m, err := newMatcher(yamlNode(t, tt.want))
		if err != nil {
			t.Fatal(err)
		}
		got, there := lookup(value, tt.path)
		if m.ok(got, there) != tt.ok {
			t.Errorf("%s is %s: got %t, want %t", tt.path, tt.want, !tt.ok, tt.ok)
		}
	}
}
